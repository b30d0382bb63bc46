-- The first schema. Times are RFC 3339 text, documents are JSON text, ids of workspaces are 32 hex
-- digits: a person with the sqlite3 shell can read all of it.

-- Single values: the instance id, and the last resource version that was given out.
CREATE TABLE meta (
    key TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO meta (key, value) VALUES ('resource_version', '0');

-- What users declared. Passes never write here, but for the removal of a finished deletion.
CREATE TABLE workspaces (
    id TEXT PRIMARY KEY NOT NULL,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    labels TEXT NOT NULL,
    spec TEXT NOT NULL,
    generation INTEGER NOT NULL CHECK (generation >= 1),
    resource_version INTEGER NOT NULL UNIQUE,
    created_at TEXT NOT NULL,
    deletion TEXT,
    UNIQUE (owner, name)
) STRICT;

-- What passes observed. A table of its own, so that a new status does not rewrite the spec.
CREATE TABLE statuses (
    workspace_id TEXT PRIMARY KEY NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    observed_generation INTEGER NOT NULL,
    status TEXT NOT NULL
) STRICT;

-- The log. No reference to workspaces: it outlives them. AUTOINCREMENT, so that an id is never given
-- out a second time after the newest rows are gone.
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time TEXT NOT NULL,
    type TEXT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    message TEXT NOT NULL,
    old_status TEXT,
    new_status TEXT,
    trace_id TEXT,
    workspace_id TEXT NOT NULL,
    owner TEXT NOT NULL,
    name TEXT NOT NULL
) STRICT;

CREATE INDEX events_of_workspace ON events (workspace_id, id);
CREATE INDEX events_of_name ON events (owner, name, id);

-- The history of passes. `gone` is set when the workspace is removed: such rows have a bound of their
-- own, which the partial index makes cheap to keep.
CREATE TABLE passes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace_id TEXT NOT NULL,
    gone INTEGER NOT NULL DEFAULT 0,
    pass TEXT NOT NULL
) STRICT;

CREATE INDEX passes_of_workspace ON passes (workspace_id, id);
CREATE INDEX passes_of_gone ON passes (id) WHERE gone = 1;
