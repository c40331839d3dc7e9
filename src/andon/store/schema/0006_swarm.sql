-- The run that a task is a child of; "" for tasks that people and agents added.
ALTER TABLE tasks ADD COLUMN parent_run TEXT NOT NULL DEFAULT '';
