-- What the second version wrote beside the rows of the first: a workspace whose calls failed.
INSERT INTO retries (workspace_id, failures, step, retry_at)
VALUES ('00000000000000000000000000000007', 5, 3, '2026-11-22T10:00:01.5Z');
