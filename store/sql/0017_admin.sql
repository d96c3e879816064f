-- What administrators search by.

-- A user's name in one letter case, for searches; '' is filled in when the database is opened.
ALTER TABLE users ADD COLUMN folded TEXT NOT NULL DEFAULT '';
CREATE INDEX users_folded ON users (folded);

-- Long lists are read page by page, in the order of IDs.
CREATE INDEX folders_of_owner ON folders (owner_id, id);
CREATE INDEX folders_of_project ON folders (project_id, id);
CREATE INDEX audit_project ON audit (project_id, id);
