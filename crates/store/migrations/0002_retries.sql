-- The failures of workspaces in a row, so that a restart does not forget the backoff. Written in place
-- of the row before, and gone with the workspace. `retry_at` is NULL where nothing is tried again until
-- something changes.
CREATE TABLE retries (
    workspace_id TEXT PRIMARY KEY NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    failures INTEGER NOT NULL,
    step INTEGER NOT NULL,
    retry_at TEXT
) STRICT, WITHOUT ROWID;
