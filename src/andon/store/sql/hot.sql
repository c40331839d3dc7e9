-- The statements of the hot path: each gives finished JSON. Times come out as RFC 3339 in UTC.

-- name: status
-- All of `status --json`: first where a person is needed, then what runs, what is ready, what waits, what lands.
WITH RECURSIVE
live AS (
    SELECT steps.*, tasks.title AS title, runs.status AS run_status, runs.changed_at AS run_changed_at
    FROM steps LEFT JOIN tasks ON tasks.id = steps.task LEFT JOIN runs ON runs.id = steps.run
),
pending AS (
    -- Steps parked for gates: whether an approval, which only people give, is among them, or a review that is held by
    -- findings of a reviewer who may be gone. Damaged states are passed over.
    SELECT live.run AS run, live.step AS step, max(
        json_extract(CAST(definitions.content AS TEXT), '$.gates."' || json_extract(v.value, '$.gate') || '".kind')
        = 'approval'
    ) AS approval, max(json_extract(v.value, '$.outcome') = 'failed') AS finding
    FROM live
    JOIN (
        SELECT stream, CASE WHEN json_valid(state) THEN state ELSE '{}' END AS state FROM states
    ) AS states ON states.stream = live.run
    JOIN definitions ON definitions.digest = json_extract(states.state, '$.workflow')
        AND json_valid(CAST(definitions.content AS TEXT))
    JOIN json_each(
        states.state, '$.active."' || live.step || '".verdicts'
    ) AS v
    WHERE live.state = 'waiting' AND live.kind NOT IN ('human', 'wait')
        AND json_extract(v.value, '$.outcome') IN ('pending', 'failed')
        AND coalesce(json_extract(states.state, '$.active."' || live.step || '".question'), '') = ''
    GROUP BY live.run, live.step
),
parked AS (
    SELECT live.*, CASE WHEN live.kind = 'human' THEN 'human' WHEN pending.approval THEN 'approval'
        WHEN pending.finding THEN 'finding' END AS person
    FROM live LEFT JOIN pending ON pending.run = live.run AND pending.step = live.step
    WHERE live.state = 'waiting'
),
named AS (
    -- Open questions to a person by name.
    SELECT messages.id AS id
    FROM messages INDEXED BY messages_open_question JOIN states ON states.stream = messages.id
    WHERE messages.kind = 'ask' AND messages.answered_at IS NULL
        AND CASE WHEN json_valid(states.state) THEN json_extract(states.state, '$.person') END
),
needs_human AS (
    SELECT entered_at AS since, number, person AS kind, run, task, title, step, role, NULL AS agent, NULL AS message,
        due_at AS expires, coalesce(nullif(reason, ''), 'a person must approve or reject it') AS reason,
        CASE person WHEN 'finding' THEN 'andon finding list ' || run ELSE 'andon approve ' || run END AS next
    FROM parked WHERE person IS NOT NULL
    UNION ALL
    SELECT run_changed_at, number, 'blocked', run, task, title, step, role, NULL, NULL, NULL, reason,
        'andon run retry ' || run
    FROM live WHERE state = 'blocked'
    UNION ALL
    SELECT runs.changed_at, runs.number, 'blocked', runs.id, runs.task, tasks.title, NULL, '', NULL, NULL, NULL,
        runs.reason, 'andon run retry ' || runs.id
    FROM runs LEFT JOIN tasks ON tasks.id = runs.task
    WHERE runs.status = 'blocked' AND NOT EXISTS (
        SELECT 1 FROM steps WHERE steps.run = runs.id AND steps.state = 'blocked'
    )
    UNION ALL
    SELECT messages.sent_at, messages.number, 'ask', nullif(messages.run, ''), tasks.id, tasks.title,
        nullif(messages.step, ''), '', messages.sender, messages.id, messages.expires_at, messages.body,
        'andon answer ' || messages.id || ' TEXT'
    FROM messages LEFT JOIN runs ON runs.id = messages.run LEFT JOIN tasks ON tasks.id = runs.task
    WHERE messages.kind = 'ask' AND messages.answered_at IS NULL
        AND (messages.recipient = 'human' OR messages.id IN (SELECT id FROM named))
        AND (messages.expires_at IS NULL OR messages.expires_at >= :now)
),
durations AS (
    -- Settings as the engine reads them, 30m or 2d; one that is none counts as not set. At most a year.
    SELECT key, CAST(number AS REAL) * CASE unit WHEN 'm' THEN 60 WHEN 'h' THEN 3600 WHEN 'd' THEN 86400 ELSE 1 END AS seconds
    FROM (
        SELECT key, substr(trim(value), -1) AS unit, CASE
            WHEN substr(trim(value), -1) IN ('s', 'm', 'h', 'd') THEN substr(trim(value), 1, length(trim(value)) - 1)
            ELSE trim(value) END AS number
        FROM settings WHERE key IN ('config:next.ageing', 'config:messages.undelivered_after')
    )
    WHERE number <> '' AND number NOT GLOB '*[^0-9]*' AND length(number) < 16
),
ageing AS (
    SELECT coalesce((
        SELECT seconds FROM durations WHERE key = 'config:next.ageing' AND seconds <= 31536000), 14400.0) AS seconds
),
patience AS (
    -- How long a message may wait for its first acknowledgement.
    SELECT coalesce((
        SELECT seconds FROM durations WHERE key = 'config:messages.undelivered_after' AND seconds <= 31536000
    ), 3600.0) AS seconds
),
lapsed AS (
    -- Steps that were kept for one name, and are anybody's by now.
    SELECT live.run AS run, live.step AS step
    FROM live JOIN states ON states.stream = live.run
    WHERE live.offered_to <> '' AND CASE WHEN json_valid(states.state)
        THEN json_extract(states.state, '$.active."' || live.step || '".offered_until') END <= :now
),
levels(priority) AS (VALUES (0), (1), (2), (3), (4)),
ready AS (
    -- What `next` looks at: so many of every priority, those that waited longest (`engine.offers.EACH`).
    SELECT steps.priority, steps.entered_at AS since, steps.number, steps.place, steps.run, steps.step, steps.task,
        coalesce(tasks.labels, '[]') AS labels, coalesce(tasks.parent_run, '') AS parent_run
    FROM levels CROSS JOIN steps LEFT JOIN tasks ON tasks.id = steps.task
    WHERE (steps.run, steps.step) IN (
        SELECT queued.run, queued.step
        FROM steps AS queued INDEXED BY steps_ready JOIN runs ON runs.id = queued.run
        WHERE queued.state = 'ready' AND queued.kind = 'agent' AND queued.priority = levels.priority
            AND runs.status = 'open'
        ORDER BY queued.entered_at, queued.number, queued.place LIMIT :each
    )
    UNION ALL
    SELECT tasks.priority, tasks.added_at, tasks.number, 0, NULL, NULL, tasks.id, tasks.labels, tasks.parent_run
    FROM levels CROSS JOIN tasks
    WHERE tasks.rowid IN (
        SELECT queued.rowid FROM tasks AS queued INDEXED BY tasks_ready
        WHERE queued.status = 'open' AND queued.open_dependencies = 0 AND queued.priority = levels.priority
        ORDER BY queued.number, queued.id LIMIT :each
    )
),
campaigned AS MATERIALIZED (
    SELECT priority, since, number, place, run, step, task, parent_run, coalesce(CASE WHEN instr(labels, 'campaign:') > 0 AND json_valid(labels) THEN (
        SELECT substr(value, 10) FROM json_each(labels) WHERE substr(value, 1, 9) = 'campaign:' ORDER BY key LIMIT 1
    ) END, '') AS campaign
    FROM ready
),
busy AS (
    -- Leases by campaign; work of no campaign is one of its own.
    SELECT campaign, count(*) AS leases FROM (
        SELECT coalesce(CASE WHEN instr(tasks.labels, 'campaign:') > 0 AND json_valid(tasks.labels) THEN (
            SELECT substr(value, 10) FROM json_each(tasks.labels)
            WHERE substr(value, 1, 9) = 'campaign:' ORDER BY key LIMIT 1
        ) END, '') AS campaign
        FROM steps INDEXED BY steps_leased LEFT JOIN tasks ON tasks.id = steps.task
        WHERE steps.state = 'leased' AND steps.kind = 'agent' AND steps.expires_at > :now
    ) GROUP BY campaign
),
numbered AS (
    SELECT priority, since, run, step, task, parent_run, row_number() OVER (
        ORDER BY priority - CASE WHEN (SELECT seconds FROM ageing) > 0
            THEN CAST(max(0.0, :now - since) / (SELECT seconds FROM ageing) AS INTEGER) ELSE 0 END,
        coalesce(busy.leases, 0), run IS NULL, since, number, place
    ) AS ordinal
    FROM campaigned LEFT JOIN busy ON busy.campaign = campaigned.campaign
),
below(ordinal, depth, above) AS (
    -- The runs that children among them are below.
    SELECT ordinal, 1, parent_run FROM numbered WHERE parent_run <> ''
    UNION ALL
    SELECT below.ordinal, below.depth + 1, tasks.parent_run
    FROM below JOIN runs ON runs.id = below.above JOIN tasks ON tasks.id = runs.task
    WHERE tasks.parent_run <> '' AND below.depth < 50
),
-- The cast gives the column the affinity of what it is compared with: without it SQLite makes no index for the join.
last_below AS (SELECT CAST(above AS TEXT) AS above, max(ordinal) AS ordinal FROM below GROUP BY above),
depths AS (SELECT ordinal, max(depth) AS depth FROM below GROUP BY ordinal),
ranked AS (
    -- The order of `core.queue.in_order`: a step whose children are ready, too, comes after all of them.
    SELECT numbered.*, max(numbered.ordinal, coalesce(last_below.ordinal, 0)) AS slot, coalesce(depths.depth, 0) AS depth
    FROM numbered LEFT JOIN last_below ON last_below.above = numbered.run
        LEFT JOIN depths ON depths.ordinal = numbered.ordinal
    ORDER BY slot, depth DESC, numbered.ordinal LIMIT :limit
),
listed AS (
    SELECT ranked.*, coalesce(steps.kind, 'task') AS kind, coalesce(steps.role, '') AS role, tasks.title AS title,
        CASE WHEN (ranked.run, ranked.step) IN (SELECT run, step FROM lapsed) THEN ''
            ELSE coalesce(steps.offered_to, '') END AS offered_to
    FROM ranked LEFT JOIN steps ON steps.run = ranked.run AND steps.step = ranked.step
        LEFT JOIN tasks ON tasks.id = ranked.task
),
silent AS (
    -- Messages that nobody has acknowledged or answered: few, by an index of their own. `over`: their mailbox is no more.
    SELECT messages.*, CASE
        WHEN recipient LIKE 'run:%' THEN EXISTS (
            SELECT 1 FROM runs WHERE runs.id = substr(recipient, 5) AND runs.status = 'ended')
        WHEN recipient LIKE 'task:%' THEN EXISTS (
            SELECT 1 FROM tasks WHERE tasks.id = substr(recipient, 6)
                AND tasks.status IN ('landed', 'completed', 'cancelled'))
        ELSE 0 END AS over
    FROM messages INDEXED BY messages_waiting WHERE acknowledged = '[]' AND answered_at IS NULL
),
undelivered AS (
    -- Open questions to people stand among what needs a person; a hand-off reached whoever claimed the step.
    SELECT id, number, kind, sender, recipient, nullif(run, '') AS run, nullif(step, '') AS step, sent_at, CASE
        WHEN over THEN 'undeliverable: ' || substr(recipient, instr(recipient, ':') + 1) || ' is over'
        WHEN recipient LIKE '%:%' OR recipient = 'human' THEN 'nobody has acknowledged it'
        WHEN EXISTS (SELECT 1 FROM steps WHERE steps.agent = recipient OR steps.offered_to = recipient)
            THEN recipient || ' has not acknowledged it'
        ELSE 'undeliverable: ' || recipient || ' holds no claim now' END AS reason
    FROM silent
    WHERE (over OR sent_at <= :now - (SELECT seconds FROM patience))
        AND NOT (kind = 'ask' AND (recipient = 'human' OR id IN (SELECT id FROM named))
            AND (expires_at IS NULL OR expires_at >= :now))
        AND NOT (kind = 'handoff' AND NOT EXISTS (
            SELECT 1 FROM steps WHERE steps.run = silent.run AND steps.step = silent.step AND steps.state = 'ready'))
),
blocked_tasks AS (
    SELECT id, number, title, added_at
    FROM tasks INDEXED BY tasks_blocked WHERE status = 'open' AND open_dependencies > 0
    ORDER BY number, id LIMIT :limit
),
waiting AS (
    SELECT 0 AS later, entered_at AS since, number, kind, run, task, title, step, role, due_at AS expires,
        coalesce(nullif(reason, ''), 'it waits for time or a signal') AS reason, 'andon show ' || run AS next,
        offered_to
    FROM parked WHERE person IS NULL
    UNION ALL
    SELECT 0, entered_at, number, kind, run, task, title, step, role, NULL, 'Andon carries it out', 'andon lead',
        ''
    FROM live WHERE state = 'ready' AND kind NOT IN ('agent', 'land') AND run_status = 'open'
    UNION ALL
    SELECT 0, entered_at, number, kind, run, task, title, step, role, NULL, 'run ' || run || ' is blocked',
        'andon run retry ' || run,
        CASE WHEN (run, step) IN (SELECT run, step FROM lapsed) THEN '' ELSE offered_to END
    FROM live WHERE state = 'ready' AND kind <> 'land' AND run_status <> 'open'
    UNION ALL
    SELECT 1, added_at, number, 'task', NULL, id, title, NULL, '', NULL, 'waits for ' || (
        SELECT group_concat(d.depends_on || ' (' || coalesce(other.status, 'unknown') || ')', ', ')
        FROM task_dependencies AS d LEFT JOIN tasks AS other ON other.id = d.depends_on
        WHERE d.task = blocked_tasks.id AND coalesce(other.status, '') NOT IN ('landed', 'completed')
    ), 'andon show ' || id, ''
    FROM blocked_tasks
)
SELECT json_object(
    'ok', json('true'),
    'needs_human', (SELECT json_group_array(json(item)) FROM (
        SELECT json_object(
            'kind', kind, 'run', run, 'task', task, 'title', title, 'step', step, 'role', nullif(role, ''),
            'agent', agent, 'message', message,
            'since', strftime('%Y-%m-%dT%H:%M:%SZ', CAST(since AS INTEGER), 'unixepoch'),
            'expires', strftime('%Y-%m-%dT%H:%M:%SZ', CAST(expires AS INTEGER), 'unixepoch'),
            'reason', reason, 'next', next
        ) AS item FROM needs_human ORDER BY since, number LIMIT :limit
    )),
    'running', (SELECT json_group_array(json(item)) FROM (
        SELECT json_object(
            'kind', kind, 'run', run, 'task', task, 'title', title, 'step', step, 'role', nullif(role, ''),
            'agent', agent, 'attempt', attempt, 'workdir', workdir,
            'since', strftime('%Y-%m-%dT%H:%M:%SZ', CAST(entered_at AS INTEGER), 'unixepoch'),
            'expires', strftime('%Y-%m-%dT%H:%M:%SZ', CAST(expires_at AS INTEGER), 'unixepoch'),
            'overdue', json(CASE WHEN expires_at <= :now THEN 'true' ELSE 'false' END), 'next', 'andon show ' || run
        ) AS item FROM live WHERE state = 'leased' AND kind <> 'land' ORDER BY number, place LIMIT :limit
    )),
    'ready', (SELECT json_group_array(json(item)) FROM (
        SELECT json_object(
            'kind', kind, 'run', run, 'task', task, 'title', title, 'step', step, 'role', nullif(role, ''),
            'priority', priority, 'offered_to', nullif(offered_to, ''),
            'since', strftime('%Y-%m-%dT%H:%M:%SZ', CAST(since AS INTEGER), 'unixepoch'),
            'next', CASE
                WHEN offered_to IN ('', 'anyone') OR offered_to LIKE 'role:%' THEN 'andon next --task ' || task
                ELSE 'andon show ' || run END
        ) AS item FROM listed ORDER BY slot, depth DESC, ordinal
    )),
    'waiting', (SELECT json_group_array(json(item)) FROM (
        SELECT json_object(
            'kind', kind, 'run', run, 'task', task, 'title', title, 'step', step, 'role', nullif(role, ''),
            'since', strftime('%Y-%m-%dT%H:%M:%SZ', CAST(since AS INTEGER), 'unixepoch'),
            'expires', strftime('%Y-%m-%dT%H:%M:%SZ', CAST(expires AS INTEGER), 'unixepoch'),
            'reason', reason, 'next', next, 'offered_to', nullif(offered_to, '')
        ) AS item FROM waiting ORDER BY later, CASE later WHEN 0 THEN since END, number LIMIT :limit
    )),
    'landing', (SELECT json_group_array(json(item)) FROM (
        SELECT json_object(
            'kind', kind, 'run', run, 'task', task, 'title', title, 'step', step, 'state', state, 'agent', agent,
            'since', strftime('%Y-%m-%dT%H:%M:%SZ', CAST(entered_at AS INTEGER), 'unixepoch'),
            'expires', strftime('%Y-%m-%dT%H:%M:%SZ', CAST(expires_at AS INTEGER), 'unixepoch'),
            'overdue', json(CASE WHEN expires_at <= :now THEN 'true' ELSE 'false' END),
            'reason', nullif(reason, ''), 'next', 'andon lead',
            'position', row_number() OVER (ORDER BY priority, entered_at, number)
        ) AS item FROM live WHERE kind = 'land' AND (state = 'ready' OR state = 'leased')
        ORDER BY priority, entered_at, number LIMIT :limit
    )),
    'undelivered', (SELECT json_group_array(json(item)) FROM (
        SELECT json_object(
            'message', id, 'kind', kind, 'sender', sender, 'recipient', recipient, 'run', run, 'step', step,
            'since', strftime('%Y-%m-%dT%H:%M:%SZ', CAST(sent_at AS INTEGER), 'unixepoch'),
            'reason', reason, 'next', 'andon show ' || id
        ) AS item FROM undelivered ORDER BY sent_at, number LIMIT :limit
    )),
    -- Branches on which a person lets nothing land. A record that can't be read is one, too.
    'frozen', (SELECT json_group_array(json(item)) FROM (
        SELECT json_object(
            'branch', substr(key, 14),
            'by', CASE WHEN json_valid(value) THEN json_extract(value, '$.by') ELSE 'unknown' END,
            'why', CASE WHEN json_valid(value) THEN json_extract(value, '$.why') END,
            'since', CASE WHEN json_valid(value)
                THEN strftime('%Y-%m-%dT%H:%M:%SZ', CAST(json_extract(value, '$.at') AS INTEGER), 'unixepoch') END
        ) AS item FROM settings WHERE key >= 'queue:frozen:' AND key < 'queue:frozen;' AND value <> ''
        ORDER BY key LIMIT :limit
    )),
    -- Run gates that were red and then passed on the same content: how often, and in how many landings.
    'flaky', (SELECT json_group_array(json(item)) FROM (
        SELECT json_object('gate', g.key, 'flaky', json_extract(g.value, '$[1]'), 'landings', json_extract(g.value, '$[0]'))
            AS item
        FROM settings, json_each(CASE WHEN json_valid(settings.value) THEN settings.value ELSE '{}' END) AS g
        WHERE settings.key = 'queue:gates' AND json_extract(g.value, '$[1]') > 0 ORDER BY g.key LIMIT :limit
    )),
    'children', (SELECT json_group_array(json(item)) FROM (
        SELECT json_object(
            'task', child.id, 'title', child.title, 'status', child.status, 'run', nullif(child.run, ''),
            'parent', owner.task, 'parent_run', child.parent_run
        ) AS item FROM tasks AS child INDEXED BY tasks_children LEFT JOIN runs AS owner ON owner.id = child.parent_run
        WHERE child.parent_run <> '' AND child.status IN ('draft', 'open', 'running')
        ORDER BY child.number, child.id LIMIT :limit
    )),
    'counts', json_object(
        'tasks', json((SELECT json_group_object(status, n) FROM (
            SELECT status, count(*) AS n FROM tasks GROUP BY status ORDER BY status LIMIT 100))),
        'runs', json((SELECT json_group_object(status, n) FROM (
            SELECT status, count(*) AS n FROM runs GROUP BY status ORDER BY status LIMIT 100))),
        'ready_tasks', (
            SELECT count(*) FROM tasks INDEXED BY tasks_ready WHERE status = 'open' AND open_dependencies = 0),
        'active_steps', (SELECT count(*) FROM steps),
        'listed_at_most', :limit
    )
)

-- name: inbox
-- Messages to these recipients, or to the runs, tasks and roles that the agent holds now, that it has not acknowledged; and
-- the answers to its own questions.
WITH boxes (name) AS (
    SELECT value FROM json_each(:recipients)
    UNION SELECT 'run:' || run FROM steps WHERE state = 'leased' AND agent = :agent
    UNION SELECT 'task:' || task FROM steps WHERE state = 'leased' AND agent = :agent
    UNION SELECT 'role:' || role FROM steps WHERE state = 'leased' AND agent = :agent AND role <> ''
),
unread AS (
    SELECT 0 AS own, * FROM messages
    WHERE recipient IN (SELECT name FROM boxes) AND sender <> :agent
        AND NOT EXISTS (SELECT 1 FROM json_each(CASE WHEN json_valid(acknowledged) THEN acknowledged ELSE '[]' END) WHERE value = :agent)
    UNION ALL
    SELECT 1, * FROM messages
    WHERE sender = :agent AND answered_at IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM json_each(CASE WHEN json_valid(acknowledged) THEN acknowledged ELSE '[]' END) WHERE value = :agent)
)
SELECT json_object(
    'ok', json('true'),
    'items', (SELECT json_group_array(json(item)) FROM (
        SELECT json_object(
            'id', id, 'kind', kind, 'sender', sender, 'recipient', recipient, 'body', body, 'run', run, 'step', step,
            'answer', answer, 'answered_by', answered_by, 'in_reply_to', in_reply_to,
            'thread', coalesce(nullif(thread, ''), id),
            'redelivered', json(CASE WHEN repeated > 0 THEN 'true' ELSE 'false' END),
            'sent_at', strftime('%Y-%m-%dT%H:%M:%SZ', CAST(sent_at AS INTEGER), 'unixepoch')
        ) AS item FROM unread ORDER BY own, number, id LIMIT :limit
    )),
    'acknowledged', json('[]')
), (SELECT count(*) FROM unread)

-- name: something_ready
-- Whether anything may be there for an agent: a ready step, a ready task, a lease that is over (or reaches too far, since
-- the clock went back), a step that is due.
SELECT EXISTS (SELECT 1 FROM steps WHERE state = 'ready' AND kind = 'agent' AND (:role IS NULL OR role IN (:role, '')))
    OR EXISTS (SELECT 1 FROM tasks INDEXED BY tasks_ready WHERE status = 'open' AND open_dependencies = 0)
    OR EXISTS (SELECT 1 FROM steps WHERE state = 'leased' AND expires_at <= :now)
    OR EXISTS (SELECT 1 FROM steps WHERE state = 'leased' AND expires_at > :now + lease_s + 60.0)
    OR EXISTS (SELECT 1 FROM steps WHERE state = 'leased' AND agent = :agent)
    OR EXISTS (SELECT 1 FROM steps WHERE state = 'waiting' AND due_at <= :now)

-- name: lease
-- All that a renewal is decided on.
SELECT steps.agent, steps.token, steps.expires_at, steps.lease_s, runs.status, states.seq,
    json_extract(states.state, '$.tokens_used'), json_extract(states.state, :fence),
    definitions.digest, json_extract(CAST(definitions.content AS TEXT), '$.limits.tokens'),
    json_extract(states.state, :session) IS NOT NULL OR json_extract(states.state, :budget) IS NOT NULL
        OR json_extract(states.state, '$.budget') IS NOT NULL
        OR coalesce(json_extract(states.state, '$.swarms'), '{}') <> '{}'
FROM steps
JOIN runs ON runs.id = steps.run
JOIN states ON states.stream = steps.run
LEFT JOIN definitions ON definitions.digest = json_extract(states.state, '$.workflow')
WHERE steps.run = :run AND steps.step = :step AND steps.state = 'leased'

-- name: renewal_event
-- The event, as the core writes it. Numbers come as text, since SQLite would round them to 15 digits.
INSERT INTO events (stream, seq, type, at, actor, cause, data)
VALUES (:run, :seq, 'LeaseRenewed', :at, :agent, NULL, json_object(
    'type', 'LeaseRenewed', 'at', json(:at_text), 'actor', :agent, 'step', :step, 'token', :token,
    'expires_at', json(:expires_text), 'tokens_used', :tokens))

-- name: renewal_state
-- The run's state after it.
UPDATE states SET seq = :seq, state = json_set(
    state, :expiry, json(:expires_text), '$.changed_at', json(:at_text), '$.tokens_used', :total)
WHERE stream = :run AND seq = :seq - 1

-- name: renewal_step
-- The step's row after it.
UPDATE steps SET expires_at = :expires WHERE run = :run AND step = :step

-- name: renewal_run
-- The run's row after it.
UPDATE runs SET changed_at = :at WHERE id = :run

-- name: renewal_answer
-- What `heartbeat --json` prints.
SELECT json_object(
    'ok', json('true'), 'run', :run, 'step', :step,
    'lease', json_object(
        'token', :token, 'expires_at', strftime('%Y-%m-%dT%H:%M:%SZ', CAST(:expires AS INTEGER), 'unixepoch')),
    'tokens_used', :total)


-- name: claims
-- What an agent holds now, under any of its names; the newest first.
SELECT coalesce(group_concat(run || char(9) || step || char(9) || workdir, char(10)), '') FROM (
    SELECT run, step, workdir FROM steps
    WHERE state = 'leased' AND agent IN (SELECT value FROM json_each(:names)) ORDER BY entered_at DESC, run LIMIT :limit
)

-- name: open_question
-- Whether an agent waits for an answer: a question of its run, or one that it asked since the step was entered.
SELECT coalesce((
    SELECT messages.id FROM messages LEFT JOIN steps ON steps.run = :run AND steps.step = :step
    WHERE messages.kind = 'ask' AND messages.answered_at IS NULL
        AND messages.sender IN (SELECT value FROM json_each(:names))
        AND (messages.expires_at IS NULL OR messages.expires_at >= :now)
        AND (messages.run = :run OR (messages.run = '' AND messages.sent_at >= steps.entered_at))
    ORDER BY messages.number LIMIT 1
), '')
