-- The run that a task is a child of; "" for tasks that people and agents added.
ALTER TABLE tasks ADD COLUMN parent_run TEXT NOT NULL DEFAULT '';
-- Children that are not over, for `status`.
CREATE INDEX tasks_children ON tasks (number, id) WHERE parent_run <> '' AND status IN ('draft', 'open', 'running');
