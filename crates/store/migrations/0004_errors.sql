-- The errors of a workspace are counted whenever it is shown. The index has all that the count needs, its
-- own condition included, so that no row is looked up; and nothing of the events that are no errors.
CREATE INDEX events_errors ON events (workspace_id, id, time, type) WHERE type = 'error';
