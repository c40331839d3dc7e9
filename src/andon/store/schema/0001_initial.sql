-- The log. Nothing in it is ever changed. `type`, `at` and `actor` repeat what `data` (the whole event as JSON) says.
CREATE TABLE events (
    position INTEGER PRIMARY KEY,
    stream TEXT NOT NULL,
    seq INTEGER NOT NULL,
    type TEXT NOT NULL,
    at REAL NOT NULL,
    actor TEXT NOT NULL,
    cause TEXT,
    data TEXT NOT NULL
);
-- The optimistic lock: two writers can't both append the same seq.
CREATE UNIQUE INDEX events_stream ON events (stream, seq);
-- The idempotence key: one cause has an effect once.
CREATE UNIQUE INDEX events_cause ON events (cause) WHERE cause IS NOT NULL;

-- The state of each aggregate after its last event (seq), as JSON.
CREATE TABLE states (
    stream TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    seq INTEGER NOT NULL,
    state TEXT NOT NULL
);

-- Projections. `number` is the number in the id, so that T2 comes before T10; `place` is the order within the aggregate.
CREATE TABLE tasks (
    id TEXT NOT NULL PRIMARY KEY,
    number INTEGER NOT NULL,
    title TEXT NOT NULL,
    status TEXT NOT NULL,
    priority INTEGER NOT NULL,
    workflow TEXT NOT NULL,
    labels TEXT NOT NULL,
    scope TEXT NOT NULL,
    run TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    source TEXT NOT NULL,
    added_at REAL NOT NULL,
    changed_at REAL NOT NULL,
    open_dependencies INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX tasks_ready ON tasks (priority, number, id) WHERE status = 'open' AND open_dependencies = 0;
CREATE INDEX tasks_blocked ON tasks (number, id) WHERE status = 'open' AND open_dependencies > 0;
CREATE INDEX tasks_status ON tasks (status, number, id);
CREATE INDEX tasks_number ON tasks (number, id);

CREATE TABLE task_dependencies (
    task TEXT NOT NULL,
    place INTEGER NOT NULL,
    depends_on TEXT NOT NULL,
    PRIMARY KEY (task, place)
) WITHOUT ROWID;
CREATE INDEX task_dependencies_on ON task_dependencies (depends_on);

CREATE TABLE runs (
    id TEXT NOT NULL PRIMARY KEY,
    number INTEGER NOT NULL,
    task TEXT NOT NULL,
    status TEXT NOT NULL,
    outcome TEXT NOT NULL,
    workflow_name TEXT NOT NULL,
    target TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    reason TEXT NOT NULL,
    started_at REAL NOT NULL,
    changed_at REAL NOT NULL
);
CREATE INDEX runs_status ON runs (status, number, id);
CREATE INDEX runs_number ON runs (number, id);

-- The active steps of runs that have not ended.
CREATE TABLE steps (
    run TEXT NOT NULL,
    step TEXT NOT NULL,
    number INTEGER NOT NULL,
    place INTEGER NOT NULL,
    task TEXT NOT NULL,
    kind TEXT NOT NULL,
    role TEXT NOT NULL,
    state TEXT NOT NULL,
    priority INTEGER NOT NULL,
    visit INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    offered_to TEXT NOT NULL,
    entered_at REAL NOT NULL,
    due_at REAL,
    agent TEXT,
    token INTEGER,
    expires_at REAL,
    lease_s REAL,
    workdir TEXT,
    prepared_commit TEXT,
    reason TEXT NOT NULL,
    PRIMARY KEY (run, step)
) WITHOUT ROWID;
CREATE INDEX steps_ready ON steps (kind, priority, entered_at, number, place) WHERE state = 'ready';
CREATE INDEX steps_leased ON steps (expires_at) WHERE state = 'leased';
CREATE INDEX steps_workdir ON steps (workdir) WHERE state = 'leased';
CREATE INDEX steps_waiting ON steps (due_at) WHERE state = 'waiting';
CREATE INDEX steps_blocked ON steps (number, place) WHERE state = 'blocked';

CREATE TABLE messages (
    id TEXT NOT NULL PRIMARY KEY,
    number INTEGER NOT NULL,
    kind TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipient TEXT NOT NULL,
    body TEXT NOT NULL,
    run TEXT NOT NULL,
    step TEXT NOT NULL,
    sent_at REAL NOT NULL,
    expires_at REAL,
    acknowledged TEXT NOT NULL,
    answer TEXT NOT NULL,
    answered_by TEXT NOT NULL,
    answered_at REAL
);
CREATE INDEX messages_number ON messages (number, id);
CREATE INDEX messages_recipient ON messages (recipient, number, id);
CREATE INDEX messages_run ON messages (run, number, id) WHERE run <> '';
CREATE INDEX messages_open_question ON messages (recipient, number, id) WHERE kind = 'ask' AND answered_at IS NULL;
CREATE INDEX messages_answered ON messages (sender, number, id) WHERE answered_at IS NOT NULL;

-- Content by digest: workflows that runs are pinned to, evidence.
CREATE TABLE definitions (
    digest TEXT NOT NULL PRIMARY KEY,
    content BLOB NOT NULL
);

CREATE TABLE settings (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- The last number given out for an id, by kind.
CREATE TABLE counters (
    kind TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;

-- Measured verdicts (passed and failed only) by all that they depend on.
CREATE TABLE measurements (
    subject_key TEXT NOT NULL,
    gate_digest TEXT NOT NULL,
    environment_digest TEXT NOT NULL,
    verdict TEXT NOT NULL,
    PRIMARY KEY (subject_key, gate_digest, environment_digest)
);
