-- The history of usage. Times are numbers here, since there are millions of them: a period and a slot in
-- it, both counted from 1970. The rows of all workspaces in one period lie together: that is where new
-- rows go, what is added up into one row of the next table, and what is removed at once.

-- A short number for each workspace. AUTOINCREMENT: a number that was given up is never given again, as
-- there may still be rows with it.
CREATE TABLE workspaces (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    -- The day, counted from 1970, of its newest row, more or less.
    seen INTEGER NOT NULL
) STRICT;

-- Every reading. A period is a minute, a slot a millisecond. CPU is in thousandths of a percent.
CREATE TABLE raw (
    period INTEGER NOT NULL,
    workspace INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    cpu INTEGER NOT NULL,
    memory INTEGER NOT NULL,
    received INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    read INTEGER NOT NULL,
    written INTEGER NOT NULL,
    pids INTEGER NOT NULL,
    PRIMARY KEY (period, workspace, slot)
) STRICT, WITHOUT ROWID;

-- One row a minute. A period is a quarter of an hour, a slot a minute.
CREATE TABLE minutes (
    period INTEGER NOT NULL,
    workspace INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    samples INTEGER NOT NULL,
    cpu_sum INTEGER NOT NULL,
    cpu_max INTEGER NOT NULL,
    memory_sum INTEGER NOT NULL,
    memory_max INTEGER NOT NULL,
    received INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    read INTEGER NOT NULL,
    written INTEGER NOT NULL,
    pids_max INTEGER NOT NULL,
    PRIMARY KEY (period, workspace, slot)
) STRICT, WITHOUT ROWID;

-- One row for a quarter of an hour. A period is four hours, a slot a quarter.
CREATE TABLE quarters (
    period INTEGER NOT NULL,
    workspace INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    samples INTEGER NOT NULL,
    cpu_sum INTEGER NOT NULL,
    cpu_max INTEGER NOT NULL,
    memory_sum INTEGER NOT NULL,
    memory_max INTEGER NOT NULL,
    received INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    read INTEGER NOT NULL,
    written INTEGER NOT NULL,
    pids_max INTEGER NOT NULL,
    PRIMARY KEY (period, workspace, slot)
) STRICT, WITHOUT ROWID;

-- What is added up already: the periods of `raw` below `minute`, and those of `minutes` below `quarter`.
-- Never is a minute of a quarter that is added up still to be added up itself.
CREATE TABLE added_up (
    minute INTEGER NOT NULL,
    quarter INTEGER NOT NULL
) STRICT;

INSERT INTO added_up (minute, quarter) VALUES (-9223372036854775808, -9223372036854775808);

PRAGMA application_id = 1953658229;
PRAGMA user_version = 1;
