-- The statements of the SQLite store. Literals such as 'ready' stand in the text so that partial indexes are used.

-- name: load
-- The state of one aggregate. As bytes: they may be damaged.
SELECT seq, kind, CAST(state AS BLOB) FROM states WHERE stream = :stream

-- name: events_all
-- The log from a position on.
SELECT position, stream, seq, cause, CAST(data AS BLOB) FROM events
WHERE position > :after ORDER BY position LIMIT :limit

-- name: events_stream
-- One stream from a seq on.
SELECT position, stream, seq, cause, CAST(data AS BLOB) FROM events
WHERE stream = :stream AND seq > :after ORDER BY seq LIMIT :limit

-- name: archived_run
-- Where a run's events stand when they were moved to a file.
SELECT archive, start, size, digest FROM archived_runs WHERE stream = :stream

-- name: archived_count
-- How many runs were moved to files.
SELECT coalesce(sum(runs), 0) FROM archives

-- name: next_runs
-- The runs behind one, in natural order.
SELECT number, id FROM runs WHERE (number, id) > (:number, :id) ORDER BY number, id LIMIT :limit

-- name: definition
-- Content by digest.
SELECT content FROM definitions WHERE digest = :digest

-- name: setting
-- One setting.
SELECT value FROM settings WHERE key = :key

-- name: ready_steps
-- The ready queue of one kind, most urgent first. A step without a role is for any role.
SELECT run, step, task, kind, role, state, priority, visit, attempt, offered_to, entered_at, due_at, agent, token,
    expires_at, lease_s, workdir, prepared_commit, reason, number, place
FROM steps
WHERE state = 'ready' AND kind = :kind AND (:role IS NULL OR role IN (:role, ''))
    AND (:task IS NULL OR task = :task) AND (:run IS NULL OR run = :run)
ORDER BY priority, entered_at, number, place LIMIT :limit

-- name: ready_tasks
-- Open tasks whose dependencies are all satisfied, most urgent first. The index is named, since the planner would take
-- the one on status and sort all open tasks.
SELECT id, title, status, priority, workflow, labels, scope, predicted, wave, run, commit_id, source, parent_run, added_at,
    changed_at,
    open_dependencies
FROM tasks INDEXED BY tasks_ready
WHERE status = 'open' AND open_dependencies = 0 AND (:task IS NULL OR id = :task)
ORDER BY priority, number, id LIMIT :limit

-- name: queued_steps
-- Ready steps of one priority for agents, those that waited longest first. labels: a JSON list, all of which the task has.
SELECT steps.run, steps.step, steps.task, tasks.title, steps.role, steps.priority, steps.offered_to, steps.entered_at,
    steps.number, steps.place, coalesce(tasks.labels, '[]') AS labels, coalesce(tasks.scope, '[]') AS scope,
    coalesce(tasks.parent_run, '') AS parent_run
FROM steps INDEXED BY steps_ready JOIN runs ON runs.id = steps.run LEFT JOIN tasks ON tasks.id = steps.task
WHERE steps.state = 'ready' AND steps.kind = 'agent' AND steps.priority = :priority AND runs.status = 'open'
    AND (:role IS NULL OR steps.role IN (:role, ''))
    AND (:task IS NULL OR steps.task = :task) AND (:run IS NULL OR steps.run = :run)
    AND (:labels IS NULL OR NOT EXISTS (
        SELECT 1 FROM json_each(:labels)
        WHERE value NOT IN (SELECT value FROM json_each(CASE WHEN json_valid(tasks.labels) THEN tasks.labels ELSE '[]' END))
    ))
ORDER BY steps.entered_at, steps.number, steps.place LIMIT :each

-- name: queued_tasks
-- Ready tasks of one priority, the first ones first.
SELECT id, title, priority, workflow, added_at, number, labels, scope, parent_run
FROM tasks INDEXED BY tasks_ready
WHERE status = 'open' AND open_dependencies = 0 AND priority = :priority
    AND (:labels IS NULL OR NOT EXISTS (
        SELECT 1 FROM json_each(:labels)
        WHERE value NOT IN (SELECT value FROM json_each(CASE WHEN json_valid(tasks.labels) THEN tasks.labels ELSE '[]' END))
    ))
ORDER BY number, id LIMIT :each

-- name: queued_task
-- One task, if it is ready.
SELECT id, title, priority, workflow, added_at, number, labels, scope, parent_run
FROM tasks
WHERE id = :task AND status = 'open' AND open_dependencies = 0
    AND (:labels IS NULL OR NOT EXISTS (
        SELECT 1 FROM json_each(:labels)
        WHERE value NOT IN (SELECT value FROM json_each(CASE WHEN json_valid(tasks.labels) THEN tasks.labels ELSE '[]' END))
    ))

-- name: leases
-- Steps of agents under lease, with what decides whether others may work beside them.
SELECT steps.run, steps.step, steps.task, steps.agent, steps.role, coalesce(tasks.labels, '[]') AS labels,
    coalesce(tasks.scope, '[]') AS scope
FROM steps INDEXED BY steps_leased LEFT JOIN tasks ON tasks.id = steps.task
WHERE steps.state = 'leased' AND steps.expires_at > :now AND steps.kind = 'agent'
ORDER BY steps.number, steps.run, steps.place

-- name: landing_tasks
-- Tasks whose run waits to land, or lands now.
SELECT steps.task, steps.run, coalesce(tasks.scope, '[]') AS scope
FROM steps INDEXED BY steps_ready LEFT JOIN tasks ON tasks.id = steps.task
WHERE steps.state = 'ready' AND steps.kind = 'land'
UNION
SELECT steps.task, steps.run, coalesce(tasks.scope, '[]')
FROM steps INDEXED BY steps_leased LEFT JOIN tasks ON tasks.id = steps.task
WHERE steps.state = 'leased' AND steps.kind = 'land'
ORDER BY 2, 1

-- name: next_moment
-- When time alone changes something next.
SELECT min(expires_at) FROM steps INDEXED BY steps_leased WHERE state = 'leased' AND expires_at > :now
UNION ALL
SELECT min(due_at) FROM steps INDEXED BY steps_waiting WHERE state = 'waiting' AND due_at > :now

-- name: expired_leases
-- Leases that are over, oldest first.
SELECT run, step, task, kind, role, state, priority, visit, attempt, offered_to, entered_at, due_at, agent, token,
    expires_at, lease_s, workdir, prepared_commit, reason
FROM steps
WHERE state = 'leased' AND expires_at <= :now
ORDER BY expires_at, number, place LIMIT :limit

-- name: overlong_leases
-- Leases that reach too far for their length, nearest first. Only leased steps are looked at.
SELECT run, step, task, kind, role, state, priority, visit, attempt, offered_to, entered_at, due_at, agent, token,
    expires_at, lease_s, workdir, prepared_commit, reason
FROM steps INDEXED BY steps_leased
WHERE state = 'leased' AND expires_at > :now + :slack AND expires_at > :now + lease_s + :slack
ORDER BY expires_at, number, place LIMIT :limit

-- name: due_steps
-- Waiting steps whose time is over (of people, of time, of a question), oldest first.
SELECT run, step, task, kind, role, state, priority, visit, attempt, offered_to, entered_at, due_at, agent, token,
    expires_at, lease_s, workdir, prepared_commit, reason
FROM steps
WHERE state = 'waiting' AND due_at <= :now
ORDER BY due_at, number, place LIMIT :limit

-- name: steps_of_run
-- The active steps of one run, in the order in which they were entered.
SELECT run, step, task, kind, role, state, priority, visit, attempt, offered_to, entered_at, due_at, agent, token,
    expires_at, lease_s, workdir, prepared_commit, reason
FROM steps
WHERE run = :run AND (:state IS NULL OR state = :state)
ORDER BY place

-- name: steps_leased
-- All steps under lease.
SELECT run, step, task, kind, role, state, priority, visit, attempt, offered_to, entered_at, due_at, agent, token,
    expires_at, lease_s, workdir, prepared_commit, reason
FROM steps
WHERE state = 'leased'
ORDER BY number, run, place

-- name: steps_all
-- All active steps; for views and checks of the whole.
SELECT run, step, task, kind, role, state, priority, visit, attempt, offered_to, entered_at, due_at, agent, token,
    expires_at, lease_s, workdir, prepared_commit, reason
FROM steps
WHERE (:state IS NULL OR state = :state)
ORDER BY number, run, place

-- name: step_at
-- The leased step of a working directory.
SELECT run, step, task, kind, role, state, priority, visit, attempt, offered_to, entered_at, due_at, agent, token,
    expires_at, lease_s, workdir, prepared_commit, reason
FROM steps
WHERE state = 'leased' AND workdir = :workdir
ORDER BY number, run, place LIMIT 1

-- name: tasks_all
-- Tasks in natural order.
SELECT id, title, status, priority, workflow, labels, scope, predicted, wave, run, commit_id, source, parent_run, added_at,
    changed_at,
    open_dependencies, number
FROM tasks ORDER BY number, id LIMIT :limit

-- name: tasks_of_status
-- Tasks of one status in natural order.
SELECT id, title, status, priority, workflow, labels, scope, predicted, wave, run, commit_id, source, parent_run, added_at,
    changed_at,
    open_dependencies, number
FROM tasks WHERE status = :status ORDER BY number, id LIMIT :limit

-- name: dependencies
-- What a task depends on, in the order given.
SELECT depends_on FROM task_dependencies WHERE task = :task ORDER BY place

-- name: runs_all
-- Runs in natural order.
SELECT id, task, status, outcome, workflow_name, target, commit_id, reason, started_at, changed_at, number
FROM runs ORDER BY number, id LIMIT :limit

-- name: runs_of_status
-- Runs of one status in natural order.
SELECT id, task, status, outcome, workflow_name, target, commit_id, reason, started_at, changed_at, number
FROM runs WHERE status = :status ORDER BY number, id LIMIT :limit

-- name: messages_to
-- Messages to some recipients.
SELECT id, kind, sender, recipient, body, run, step, sent_at, expires_at, acknowledged, answer, answered_by,
    answered_at, thread, in_reply_to, repeated
FROM messages
WHERE recipient IN (SELECT value FROM json_each(:recipients))
    AND (:run IS NULL OR run = :run)
    AND (:sender IS NULL OR sender = :sender)
    AND (:unanswered = 0 OR answered_at IS NULL)
    AND (:answered = 0 OR answered_at IS NOT NULL)
    AND (:by IS NULL OR NOT EXISTS (SELECT 1 FROM json_each(CASE WHEN json_valid(acknowledged) THEN acknowledged ELSE '[]' END) WHERE value = :by))
ORDER BY number, id LIMIT :limit

-- name: messages_of_run
-- Messages about one run.
SELECT id, kind, sender, recipient, body, run, step, sent_at, expires_at, acknowledged, answer, answered_by,
    answered_at, thread, in_reply_to, repeated
FROM messages
WHERE run = :run AND run <> ''
    AND (:sender IS NULL OR sender = :sender)
    AND (:unanswered = 0 OR answered_at IS NULL)
    AND (:answered = 0 OR answered_at IS NOT NULL)
    AND (:by IS NULL OR NOT EXISTS (SELECT 1 FROM json_each(CASE WHEN json_valid(acknowledged) THEN acknowledged ELSE '[]' END) WHERE value = :by))
ORDER BY number, id LIMIT :limit

-- name: messages_answered
-- What somebody asked and was answered.
SELECT id, kind, sender, recipient, body, run, step, sent_at, expires_at, acknowledged, answer, answered_by,
    answered_at, thread, in_reply_to, repeated
FROM messages
WHERE sender = :sender AND answered_at IS NOT NULL
    AND (:by IS NULL OR NOT EXISTS (SELECT 1 FROM json_each(CASE WHEN json_valid(acknowledged) THEN acknowledged ELSE '[]' END) WHERE value = :by))
ORDER BY number, id LIMIT :limit

-- name: messages_of_thread
-- One conversation, in order.
SELECT id, kind, sender, recipient, body, run, step, sent_at, expires_at, acknowledged, answer, answered_by,
    answered_at, thread, in_reply_to, repeated
FROM messages WHERE thread = :thread AND thread <> '' ORDER BY number, id LIMIT :limit

-- name: messages_waiting
-- How many messages of a mailbox nobody has acknowledged or answered.
SELECT count(*) FROM messages WHERE recipient = :recipient AND acknowledged = '[]' AND answered_at IS NULL

-- name: messages_sent_since
-- How many messages somebody sent after a moment.
SELECT count(*) FROM messages WHERE sender = :sender AND sent_at > :since

-- name: agent_seen
-- Whether an agent ever claimed a step or sent a message.
SELECT EXISTS (SELECT 1 FROM events WHERE actor = :agent AND type = 'StepClaimed')
    OR EXISTS (SELECT 1 FROM messages WHERE sender = :agent)

-- name: messages_all
-- Messages of all, in natural order.
SELECT id, kind, sender, recipient, body, run, step, sent_at, expires_at, acknowledged, answer, answered_by,
    answered_at, thread, in_reply_to, repeated
FROM messages
WHERE (:sender IS NULL OR sender = :sender)
    AND (:run IS NULL OR run = :run)
    AND (:unanswered = 0 OR answered_at IS NULL)
    AND (:answered = 0 OR answered_at IS NOT NULL)
    AND (:by IS NULL OR NOT EXISTS (SELECT 1 FROM json_each(CASE WHEN json_valid(acknowledged) THEN acknowledged ELSE '[]' END) WHERE value = :by))
ORDER BY number, id LIMIT :limit

-- name: measurement
-- A measured verdict by all that it depends on.
SELECT CAST(verdict AS BLOB) FROM measurements
WHERE subject_key = :subject_key AND gate_digest = :gate_digest AND environment_digest = :environment_digest

-- name: put_measurement
-- Remember a measured verdict.
INSERT OR REPLACE INTO measurements (subject_key, gate_digest, environment_digest, verdict)
VALUES (:subject_key, :gate_digest, :environment_digest, :verdict)

-- name: cause_seen
-- Where a cause has had its effect.
SELECT stream FROM events WHERE cause = :cause

-- name: begin_state
-- The first state of an aggregate.
INSERT INTO states (stream, kind, seq, state) VALUES (:stream, :kind, :seq, :state) ON CONFLICT (stream) DO NOTHING

-- name: advance_state
-- The next state, if nobody was first: the optimistic lock.
UPDATE states SET seq = :seq, state = :state WHERE stream = :stream AND seq = :expected

-- name: put_event
-- One more event of a stream.
INSERT INTO events (stream, seq, type, at, actor, cause, data) VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: task_status
-- The status before a change.
SELECT status FROM tasks WHERE id = :task

-- name: put_task
-- Replace a task's row; open_dependencies is kept apart.
INSERT INTO tasks (id, number, title, status, priority, workflow, labels, scope, predicted, wave, run, commit_id, source,
    parent_run, added_at, changed_at)
VALUES (:id, :number, :title, :status, :priority, :workflow, :labels, :scope, :predicted, :wave, :run, :commit_id, :source,
    :parent_run,
    :added_at, :changed_at)
ON CONFLICT (id) DO UPDATE SET number = excluded.number, title = excluded.title, status = excluded.status,
    priority = excluded.priority,
    workflow = excluded.workflow, labels = excluded.labels, scope = excluded.scope, run = excluded.run,
    predicted = excluded.predicted, wave = excluded.wave,
    commit_id = excluded.commit_id, source = excluded.source, parent_run = excluded.parent_run,
    added_at = excluded.added_at, changed_at = excluded.changed_at

-- name: drop_dependencies
-- Forget what a task depends on, before it is written anew.
DELETE FROM task_dependencies WHERE task = :task

-- name: put_dependency
-- One dependency of a task.
INSERT INTO task_dependencies (task, place, depends_on) VALUES (?, ?, ?)

-- name: count_dependencies
-- How many dependencies of a task are open: unknown ones, and those that neither landed nor completed.
UPDATE tasks SET open_dependencies = (
    SELECT count(*) FROM task_dependencies AS d LEFT JOIN tasks AS other ON other.id = d.depends_on
    WHERE d.task = tasks.id AND coalesce(other.status, '') NOT IN ('landed', 'completed')
) WHERE id = :task

-- name: count_dependents
-- The same for all tasks that depend on one.
UPDATE tasks SET open_dependencies = (
    SELECT count(*) FROM task_dependencies AS d LEFT JOIN tasks AS other ON other.id = d.depends_on
    WHERE d.task = tasks.id AND coalesce(other.status, '') NOT IN ('landed', 'completed')
) WHERE id IN (SELECT task FROM task_dependencies WHERE depends_on = :task)

-- name: put_run
-- Replace a run's row.
INSERT INTO runs (id, number, task, status, outcome, workflow_name, target, commit_id, reason, started_at, changed_at)
VALUES (:id, :number, :task, :status, :outcome, :workflow_name, :target, :commit_id, :reason, :started_at, :changed_at)
ON CONFLICT (id) DO UPDATE SET number = excluded.number, task = excluded.task, status = excluded.status,
    outcome = excluded.outcome,
    workflow_name = excluded.workflow_name, target = excluded.target, commit_id = excluded.commit_id,
    reason = excluded.reason, started_at = excluded.started_at, changed_at = excluded.changed_at

-- name: drop_steps
-- Forget a run's active steps, before they are written anew.
DELETE FROM steps WHERE run = :run

-- name: put_step
-- One active step of a run.
INSERT INTO steps (run, step, number, place, task, kind, role, state, priority, visit, attempt, offered_to, entered_at,
    due_at, agent, token, expires_at, lease_s, workdir, prepared_commit, reason)
VALUES (:run, :step, :number, :place, :task, :kind, :role, :state, :priority, :visit, :attempt, :offered_to,
    :entered_at, :due_at, :agent, :token, :expires_at, :lease_s, :workdir, :prepared_commit, :reason)

-- name: put_message
-- Replace a message's row.
INSERT INTO messages (id, number, kind, sender, recipient, body, run, step, sent_at, expires_at, acknowledged, answer,
    answered_by, answered_at, thread, in_reply_to, repeated)
VALUES (:id, :number, :kind, :sender, :recipient, :body, :run, :step, :sent_at, :expires_at, :acknowledged, :answer,
    :answered_by, :answered_at, :thread, :in_reply_to, :repeated)
ON CONFLICT (id) DO UPDATE SET number = excluded.number, kind = excluded.kind, sender = excluded.sender,
    recipient = excluded.recipient,
    body = excluded.body, run = excluded.run, step = excluded.step, sent_at = excluded.sent_at,
    expires_at = excluded.expires_at, acknowledged = excluded.acknowledged, answer = excluded.answer,
    answered_by = excluded.answered_by, answered_at = excluded.answered_at, thread = excluded.thread,
    in_reply_to = excluded.in_reply_to, repeated = excluded.repeated

-- name: put_definition
-- Content by its digest; what a damaged disk made of it is healed.
INSERT INTO definitions (digest, content) VALUES (:digest, :content)
ON CONFLICT (digest) DO UPDATE SET content = excluded.content WHERE content <> excluded.content

-- name: put_setting
-- One setting.
INSERT INTO settings (key, value) VALUES (:key, :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value

-- name: count_up
-- The next number of a kind.
INSERT INTO counters (kind, value) VALUES (:kind, 1) ON CONFLICT (kind) DO UPDATE SET value = value + 1

-- name: counter
-- The number given out last.
SELECT value FROM counters WHERE kind = :kind

-- name: stream_known
-- Whether an id is in use.
SELECT 1 FROM states WHERE stream = :stream

-- name: births
-- The first events behind a position: every stream once, in the order in which they began.
SELECT position, stream FROM events WHERE seq = 1 AND position > :after ORDER BY position LIMIT :limit

-- name: unborn
-- Streams without a first event in the log: damaged ones, and archived ones that went on.
SELECT DISTINCT stream FROM events AS other
WHERE seq > 1 AND NOT EXISTS (SELECT 1 FROM events WHERE stream = other.stream AND seq = 1)

-- name: task_row
-- One task's row, for checks.
SELECT id, title, status, priority, workflow, labels, scope, predicted, wave, run, commit_id, source, parent_run, added_at,
    changed_at,
    number
FROM tasks WHERE id = :id

-- name: run_row
-- One run's row, for checks.
SELECT id, task, status, outcome, workflow_name, target, commit_id, reason, started_at, changed_at, number
FROM runs WHERE id = :id

-- name: step_rows
-- One run's steps, for checks.
SELECT run, step, task, kind, role, state, priority, visit, attempt, offered_to, entered_at, due_at, agent, token,
    expires_at, lease_s, workdir, prepared_commit, reason, number
FROM steps WHERE run = :id ORDER BY place

-- name: message_row
-- One message's row, for checks.
SELECT id, kind, sender, recipient, body, run, step, sent_at, expires_at, acknowledged, answer, answered_by,
    answered_at, thread, in_reply_to, repeated, number
FROM messages WHERE id = :id

-- name: put_learning
-- Replace a learning's row; whether it stands in the index is said afterwards.
INSERT INTO learnings (id, number, status, run, same, words, indexed)
VALUES (:id, :number, :status, :run, :same, :words, 0)
ON CONFLICT (id) DO UPDATE SET number = excluded.number, status = excluded.status, run = excluded.run,
    same = excluded.same, words = excluded.words, indexed = 0

-- name: index_learning_drop
-- Before a learning's words are written anew.
DELETE FROM learning_words WHERE rowid = :number

-- name: index_learning_put
-- A learning's words.
INSERT INTO learning_words (rowid, words) VALUES (:number, :words)

-- name: index_learning_done
-- The index says what the row says.
UPDATE learnings SET indexed = 1 WHERE id = :id

-- name: index_missing
-- Whether words of a learning are missing in the index.
SELECT 1 FROM learnings WHERE indexed = 0 LIMIT 1

-- name: fts5_built_in
-- Whether this SQLite has FTS5.
SELECT 1 FROM pragma_compile_options WHERE compile_options = 'ENABLE_FTS5'

-- name: index_there
-- Whether there is an index.
SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'learning_words'

-- name: search_learnings
-- Active learnings with one of the words, best first. FTS5 gives smaller numbers to better ones.
SELECT learnings.id, -bm25(learning_words) FROM learning_words JOIN learnings ON learnings.number = learning_words.rowid
WHERE learning_words MATCH :query AND learnings.status = 'active'
ORDER BY bm25(learning_words), learnings.number LIMIT :limit

-- name: learning_texts
-- The words of all active learnings, for searching without an index.
SELECT id, words FROM learnings WHERE status = 'active' ORDER BY number, id

-- name: learnings
-- States of learnings in natural order.
SELECT states.stream, states.seq, states.kind, CAST(states.state AS BLOB)
FROM learnings JOIN states ON states.stream = learnings.id
WHERE (:status IS NULL OR learnings.status = :status) AND (:run IS NULL OR learnings.run = :run)
    AND (:same IS NULL OR learnings.same = :same)
ORDER BY learnings.number, learnings.id LIMIT :limit

-- name: learnings_same
-- Active learnings with this very text.
SELECT states.stream, states.seq, states.kind, CAST(states.state AS BLOB)
FROM learnings JOIN states ON states.stream = learnings.id
WHERE learnings.status = 'active' AND learnings.same = :same
ORDER BY learnings.number, learnings.id LIMIT :limit

-- name: count_learnings
-- How many there are.
SELECT count(*) FROM learnings WHERE (:status IS NULL OR status = :status) AND (:run IS NULL OR run = :run)

-- name: drop_learning_uses
-- Forget what a run's steps were given; for rebuilding only.
DELETE FROM learning_uses WHERE run = :run

-- name: put_learning_use
-- One learning that a step was given.
INSERT OR REPLACE INTO learning_uses (run, step, learning, number, place, workflow_name, withheld, advances, passed)
VALUES (:run, :step, :learning, :number, :place, :workflow_name, :withheld, :advances, :passed)

-- name: learning_uses
-- First advances with and without each learning.
SELECT learning, sum(withheld = 0) AS given, sum(withheld = 0 AND passed = 1) AS passed,
    sum(CASE WHEN withheld = 0 THEN advances ELSE 0 END) AS given_advances,
    sum(withheld = 1) AS held, sum(withheld = 1 AND passed = 1) AS held_passed,
    sum(CASE WHEN withheld = 1 THEN advances ELSE 0 END) AS held_advances
FROM learning_uses
WHERE passed IS NOT NULL AND (:workflow IS NULL OR workflow_name = :workflow) AND (:step IS NULL OR step = :step)
GROUP BY learning ORDER BY learning

-- name: task_sources
-- Tasks by where they came from, in the order of their births.
SELECT source, id FROM tasks WHERE source >= :from AND source < :to AND source <> '' ORDER BY source, number

-- name: learning_row
-- One learning's row, for checks.
SELECT id, status, run, same, words, number FROM learnings WHERE id = :id

-- name: learning_use_rows
-- What one run's steps were given, for checks.
SELECT run, step, learning, workflow_name, withheld, advances, passed, number FROM learning_uses WHERE run = :id
ORDER BY place

-- name: orphans
-- States and rows that no event accounts for.
SELECT 'states' AS place, stream FROM states WHERE NOT EXISTS (SELECT 1 FROM events WHERE stream = states.stream)
    AND NOT EXISTS (SELECT 1 FROM archived_runs WHERE stream = states.stream)
UNION SELECT 'tasks', id FROM tasks WHERE NOT EXISTS (SELECT 1 FROM events WHERE stream = id)
UNION SELECT 'task_dependencies', task FROM task_dependencies
    WHERE NOT EXISTS (SELECT 1 FROM events WHERE stream = task)
UNION SELECT 'runs', id FROM runs WHERE NOT EXISTS (SELECT 1 FROM events WHERE stream = id)
    AND NOT EXISTS (SELECT 1 FROM archived_runs WHERE stream = id)
UNION SELECT 'steps', run FROM steps WHERE NOT EXISTS (SELECT 1 FROM events WHERE stream = run)
UNION SELECT 'messages', id FROM messages WHERE NOT EXISTS (SELECT 1 FROM events WHERE stream = id)
UNION SELECT 'learnings', id FROM learnings WHERE NOT EXISTS (SELECT 1 FROM events WHERE stream = id)
UNION SELECT 'learning_uses', run FROM learning_uses WHERE NOT EXISTS (SELECT 1 FROM events WHERE stream = run)
    AND NOT EXISTS (SELECT 1 FROM archived_runs WHERE stream = run)
ORDER BY 1, 2 LIMIT :limit

-- name: wrong_counts
-- Tasks whose number of open dependencies is not what the tables say.
SELECT id, open_dependencies, counted FROM (
    SELECT tasks.id, tasks.open_dependencies, (
        SELECT count(*) FROM task_dependencies AS d LEFT JOIN tasks AS other ON other.id = d.depends_on
        WHERE d.task = tasks.id AND coalesce(other.status, '') NOT IN ('landed', 'completed')
    ) AS counted FROM tasks
) WHERE open_dependencies <> counted LIMIT :limit

-- name: replace_state
-- Write an aggregate's state whatever was there; for rebuilding only.
INSERT OR REPLACE INTO states (stream, kind, seq, state) VALUES (:stream, :kind, :seq, :state)

-- name: count_all_dependencies
-- Count all tasks' open dependencies anew.
UPDATE tasks SET open_dependencies = (
    SELECT count(*) FROM task_dependencies AS d LEFT JOIN tasks AS other ON other.id = d.depends_on
    WHERE d.task = tasks.id AND coalesce(other.status, '') NOT IN ('landed', 'completed')
)

-- name: raise_counter
-- Make sure that no id is given out twice.
INSERT INTO counters (kind, value) VALUES (:kind, :value)
ON CONFLICT (kind) DO UPDATE SET value = max(value, excluded.value)

-- name: drop_orphan_states
-- Remove rows that no event accounts for.
DELETE FROM states WHERE stream = :stream

-- name: drop_orphan_tasks
-- Remove rows that no event accounts for.
DELETE FROM tasks WHERE id = :stream

-- name: drop_orphan_task_dependencies
-- Remove rows that no event accounts for.
DELETE FROM task_dependencies WHERE task = :stream

-- name: drop_orphan_runs
-- Remove rows that no event accounts for.
DELETE FROM runs WHERE id = :stream

-- name: drop_orphan_steps
-- Remove rows that no event accounts for.
DELETE FROM steps WHERE run = :stream

-- name: drop_orphan_messages
-- Remove rows that no event accounts for.
DELETE FROM messages WHERE id = :stream

-- name: drop_orphan_learnings
-- Remove rows that no event accounts for.
DELETE FROM learnings WHERE id = :stream

-- name: drop_orphan_learning_uses
-- Remove rows that no event accounts for.
DELETE FROM learning_uses WHERE run = :stream

-- name: archives
-- The archive files.
SELECT digest, runs, events, archived_at FROM archives ORDER BY digest

-- name: streams
-- The streams behind one, from the index alone.
SELECT DISTINCT stream FROM events WHERE stream > :after ORDER BY stream LIMIT :limit

-- name: has_events
-- Whether a stream has events in the log.
SELECT 1 FROM events WHERE stream = :stream LIMIT 1

-- name: archive_digests
-- The archive files that hold runs.
SELECT DISTINCT archive FROM archived_runs ORDER BY archive

-- name: only_archived
-- The runs of one archive file that have no event in the log.
SELECT stream FROM archived_runs
WHERE archive = :archive AND NOT EXISTS (SELECT 1 FROM events WHERE events.stream = archived_runs.stream)
ORDER BY start

-- name: archive_parts
-- The runs of one archive file, in the file's order.
SELECT stream, start, size, events, digest FROM archived_runs WHERE archive = :archive ORDER BY start

-- name: archivable
-- Runs that ended at the latest then and whose events are all here, in natural order.
SELECT number, id FROM runs
WHERE status = 'ended' AND changed_at <= :before AND (number, id) > (:number, :id)
    AND NOT EXISTS (SELECT 1 FROM archived_runs WHERE stream = runs.id)
ORDER BY number, id LIMIT :limit

-- name: events_raw
-- One stream's events as they stand.
SELECT position, stream, seq, cause, CAST(data AS BLOB), type, at, actor FROM events WHERE stream = :stream ORDER BY seq

-- name: put_archive
-- An archive file.
INSERT INTO archives (digest, runs, events, archived_at) VALUES (:digest, :runs, :events, :archived_at)
ON CONFLICT (digest) DO NOTHING

-- name: put_archived_run
-- A run whose events are in an archive file.
INSERT INTO archived_runs (stream, archive, start, size, events, digest) VALUES (?, ?, ?, ?, ?, ?)

-- name: drop_events
-- Take a run's events out of the log; they are in an archive file by now.
DELETE FROM events WHERE stream = ?

-- name: indexes_of_events
-- The log's indexes, and how they are made.
SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'events' AND sql IS NOT NULL ORDER BY name

-- name: any_event
-- Whether anything was ever done here.
SELECT 1 FROM events UNION ALL SELECT 1 FROM archived_runs UNION ALL SELECT 1 FROM states LIMIT 1

-- name: export_counts
-- How many lines of each kind an export has.
SELECT (SELECT count(*) FROM settings) AS settings, (SELECT count(*) FROM counters) AS counters,
    (SELECT count(*) FROM definitions) AS definitions, (SELECT count(*) FROM measurements) AS measurements,
    (SELECT count(*) FROM archives) AS archives, (SELECT count(*) FROM events) AS events

-- name: export_settings
-- All settings, in the order of their keys.
SELECT key, value FROM settings ORDER BY key

-- name: export_counters
-- All counters, in the order of their kinds.
SELECT kind, value FROM counters ORDER BY kind

-- name: export_definitions
-- All definitions, in the order of their digests.
SELECT digest, content FROM definitions ORDER BY digest

-- name: export_measurements
-- All measured verdicts, in the order of their keys.
SELECT subject_key, gate_digest, environment_digest, CAST(verdict AS BLOB) FROM measurements
ORDER BY subject_key, gate_digest, environment_digest

-- name: export_events
-- The log as it stands.
SELECT position, stream, seq, cause, CAST(data AS BLOB), type, at, actor FROM events ORDER BY position

-- name: clear_settings
-- Before an import.
DELETE FROM settings

-- name: clear_counters
-- Before an import.
DELETE FROM counters

-- name: clear_definitions
-- Before an import.
DELETE FROM definitions

-- name: clear_measurements
-- Before an import.
DELETE FROM measurements

-- name: import_settings
-- One setting.
INSERT INTO settings (key, value) VALUES (:key, :value)

-- name: import_counters
-- One counter.
INSERT INTO counters (kind, value) VALUES (:kind, :value)

-- name: import_definitions
-- One definition.
INSERT INTO definitions (digest, content) VALUES (:digest, :content)

-- name: import_measurements
-- One measured verdict.
INSERT INTO measurements (subject_key, gate_digest, environment_digest, verdict)
VALUES (:subject_key, :gate_digest, :environment_digest, CAST(:verdict AS TEXT))

-- name: import_event
-- One event of the log, as it stood. CAST keeps the bytes, whatever they are.
INSERT INTO events (position, stream, seq, cause, data, type, at, actor)
VALUES (?, ?, ?, ?, CAST(? AS TEXT), ?, ?, ?)

-- name: salvage_settings
-- What was saved; the first copy of a row wins.
INSERT OR IGNORE INTO settings (key, value) VALUES (?, ?)

-- name: salvage_counters
-- What was saved.
INSERT OR IGNORE INTO counters (kind, value) VALUES (?, ?)

-- name: salvage_definitions
-- What was saved.
INSERT OR IGNORE INTO definitions (digest, content) VALUES (?, ?)

-- name: salvage_measurements
-- What was saved.
INSERT OR IGNORE INTO measurements (subject_key, gate_digest, environment_digest, verdict)
VALUES (?, ?, ?, CAST(? AS TEXT))

-- name: salvage_archives
-- What was saved.
INSERT OR IGNORE INTO archives (digest, runs, events, archived_at) VALUES (?, ?, ?, ?)

-- name: salvage_archived_runs
-- What was saved.
INSERT OR IGNORE INTO archived_runs (stream, archive, start, size, events, digest) VALUES (?, ?, ?, ?, ?, ?)

-- name: salvage_events
-- What was saved.
INSERT OR IGNORE INTO events (position, stream, seq, cause, data, type, at, actor)
VALUES (?, ?, ?, ?, CAST(? AS TEXT), ?, ?, ?)

-- name: salvage_unreachable
-- What stood on a page. Archived events may still be seen on pages that were given back: they are not taken.
INSERT OR IGNORE INTO events (position, stream, seq, cause, data, type, at, actor)
SELECT ?1, ?2, ?3, ?4, CAST(?5 AS TEXT), ?6, ?7, ?8
WHERE NOT EXISTS (SELECT 1 FROM archived_runs WHERE stream = ?2)
