-- When users were last there, by whatever they sign in with: to a minute, written in batches.
ALTER TABLE users ADD COLUMN last_used BIGINT NOT NULL DEFAULT 0;
UPDATE users SET last_used = (SELECT COALESCE(MAX(used.last_used), 0) FROM (
    SELECT user_id, last_used FROM tokens UNION ALL SELECT user_id, last_used FROM keys) used WHERE used.user_id = users.id);
