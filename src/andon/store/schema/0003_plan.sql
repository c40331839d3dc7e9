-- What the recorded plan says of a task (`andon plan --apply`): the paths that it is expected to touch, and its wave.
ALTER TABLE tasks ADD COLUMN predicted TEXT NOT NULL DEFAULT '[]';
ALTER TABLE tasks ADD COLUMN wave INTEGER;
