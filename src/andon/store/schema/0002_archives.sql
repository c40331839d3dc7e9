-- Finished runs whose events were moved to files (`andon archive`). The runs' states and rows stay where they are; what
-- stands here finds the events again and proves that they are the same.
CREATE TABLE archives (
    -- SHA-256 of the uncompressed content; the file's name.
    digest TEXT NOT NULL PRIMARY KEY,
    runs INTEGER NOT NULL,
    events INTEGER NOT NULL,
    archived_at REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE archived_runs (
    stream TEXT NOT NULL PRIMARY KEY,
    archive TEXT NOT NULL,
    -- Where the run's part stands in the file: bytes as compressed.
    start INTEGER NOT NULL,
    size INTEGER NOT NULL,
    events INTEGER NOT NULL,
    -- SHA-256 of the run's part, uncompressed.
    digest TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX archived_runs_archive ON archived_runs (archive, start);
