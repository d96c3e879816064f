-- What administrators search by.

-- A user's name in one letter case, for searches; '' is filled in when the database is opened.
ALTER TABLE users ADD COLUMN folded TEXT NOT NULL DEFAULT '';
CREATE INDEX users_folded ON users (folded);

CREATE INDEX audit_project ON audit (project_id, id);
