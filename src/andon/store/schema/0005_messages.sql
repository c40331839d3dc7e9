-- Conversations, and what finds undelivered messages, full mailboxes and those who send too much.
ALTER TABLE messages ADD COLUMN thread TEXT NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN in_reply_to TEXT NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN repeated INTEGER NOT NULL DEFAULT 0;
CREATE INDEX messages_thread ON messages (thread, number, id) WHERE thread <> '';
CREATE INDEX messages_waiting ON messages (recipient, sent_at) WHERE acknowledged = '[]' AND answered_at IS NULL;
CREATE INDEX messages_sender ON messages (sender, sent_at);
-- Whom anybody has ever seen: few events are claims.
CREATE INDEX events_claims ON events (actor) WHERE type = 'StepClaimed';
