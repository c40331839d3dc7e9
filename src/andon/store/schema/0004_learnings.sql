-- Learnings. `words` are what full-text search looks at (see core/words.py); `indexed` says whether they stand in
-- `learning_words`, the FTS5 table that is made with the first learning where SQLite has FTS5 (see store/search.py).
CREATE TABLE learnings (
    id TEXT NOT NULL PRIMARY KEY,
    number INTEGER NOT NULL,
    status TEXT NOT NULL,
    run TEXT NOT NULL,
    same TEXT NOT NULL,
    words TEXT NOT NULL,
    indexed INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX learnings_status ON learnings (status, number, id);
CREATE INDEX learnings_run ON learnings (run, number, id) WHERE run <> '';
CREATE INDEX learnings_same ON learnings (same) WHERE status = 'active';
CREATE INDEX learnings_unindexed ON learnings (number) WHERE indexed = 0;

-- Which learnings steps were given, or had withheld, and how their first advance went. A projection of runs.
CREATE TABLE learning_uses (
    run TEXT NOT NULL,
    step TEXT NOT NULL,
    learning TEXT NOT NULL,
    number INTEGER NOT NULL,
    place INTEGER NOT NULL,
    workflow_name TEXT NOT NULL,
    withheld INTEGER NOT NULL,
    advances INTEGER NOT NULL,
    passed INTEGER,
    PRIMARY KEY (run, step, learning)
) WITHOUT ROWID;
CREATE INDEX learning_uses_learning ON learning_uses (learning) WHERE passed IS NOT NULL;

-- Imported tasks are found again by where they came from.
CREATE INDEX tasks_source ON tasks (source, number) WHERE source <> '';
