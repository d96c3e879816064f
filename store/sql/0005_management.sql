-- What the management APIs work on, beside users and folders.

-- Projects: workspaces that several users share. Roles say what a member may do in
-- all folders of the project: PI and ADMIN everything; USER what folders and groups give.
CREATE TABLE projects (
    id          TEXT   NOT NULL PRIMARY KEY,
    title       TEXT   NOT NULL UNIQUE,
    max_folders BIGINT NOT NULL,        -- these three are limits, as a user's
    max_bytes   BIGINT NOT NULL,
    max_files   BIGINT NOT NULL,
    created     BIGINT NOT NULL
);
CREATE TABLE members (
    project_id TEXT   NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id    TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role       TEXT   NOT NULL,         -- PI, ADMIN or USER; a project has one PI at least
    created    BIGINT NOT NULL,
    PRIMARY KEY (project_id, user_id)
);
CREATE INDEX members_user ON members (user_id);

-- Groups of members. Who leaves the project leaves its groups.
CREATE TABLE project_groups (
    id         TEXT   NOT NULL PRIMARY KEY,
    project_id TEXT   NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    title      TEXT   NOT NULL,
    created    BIGINT NOT NULL,
    UNIQUE (project_id, title)
);
CREATE TABLE group_members (
    group_id TEXT NOT NULL REFERENCES project_groups (id) ON DELETE CASCADE,
    user_id  TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (group_id, user_id)
);
CREATE INDEX group_members_user ON group_members (user_id);

-- The access list's other half: grants is for users. A user's grant on a project's
-- folder counts only while the user is a member.
CREATE TABLE group_grants (
    folder_id TEXT   NOT NULL REFERENCES folders (id) ON DELETE CASCADE,
    group_id  TEXT   NOT NULL REFERENCES project_groups (id) ON DELETE CASCADE,
    rights    BIGINT NOT NULL,
    PRIMARY KEY (folder_id, group_id)
);
CREATE INDEX group_grants_group ON group_grants (group_id);

-- A folder of a project: its owner_id says who made it, and gives no right by itself.
ALTER TABLE folders ADD COLUMN project_id TEXT REFERENCES projects (id);
-- What the members of the project may do in it without further grants.
ALTER TABLE folders ADD COLUMN member_rights BIGINT NOT NULL DEFAULT 0;
ALTER TABLE folders ADD COLUMN usage_mode TEXT NOT NULL DEFAULT 'general'; -- general, model, data: a compute platform's word
ALTER TABLE folders ADD COLUMN cloneable BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE folders ADD COLUMN labels TEXT NOT NULL DEFAULT '{}';          -- one JSON object of texts; keys in lower case
CREATE INDEX folders_project ON folders (project_id, title);

-- Limits of a workspace (a user's personal one, or a project) in one product
-- category, beside those of its folders. No row: what the category's settings say.
CREATE TABLE workspace_limits (
    workspace_id TEXT   NOT NULL,       -- of a user or a project
    category     TEXT   NOT NULL,       -- provider/category; '' is the default product's
    max_bytes    BIGINT NOT NULL,       -- 0: none
    PRIMARY KEY (workspace_id, category)
);

-- Invitations to a folder: a grant that waits for the invitee's word.
CREATE TABLE invitations (
    id         TEXT   NOT NULL PRIMARY KEY,
    folder_id  TEXT   NOT NULL REFERENCES folders (id) ON DELETE CASCADE,
    inviter_id TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    invitee_id TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    rights     BIGINT NOT NULL,
    state      TEXT   NOT NULL,         -- pending, accepted, rejected, canceled
    created    BIGINT NOT NULL,
    modified   BIGINT NOT NULL          -- 0: never
);
CREATE INDEX invitations_folder ON invitations (folder_id);
CREATE INDEX invitations_inviter ON invitations (inviter_id);
CREATE INDEX invitations_invitee ON invitations (invitee_id);

-- Tokens have more uses now (see tokens in 0001).
ALTER TABLE tokens ADD COLUMN kind TEXT NOT NULL DEFAULT 'token';       -- token; session: a refresh token of a login; mount: for kernels
ALTER TABLE tokens ADD COLUMN title TEXT NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN scopes TEXT NOT NULL DEFAULT '';          -- path:read or path:write, blanks between; '': everything
ALTER TABLE tokens ADD COLUMN project_id TEXT REFERENCES projects (id) ON DELETE CASCADE; -- the workspace that it acts in
ALTER TABLE tokens ADD COLUMN labels TEXT NOT NULL DEFAULT '{}';
ALTER TABLE tokens ADD COLUMN csrf TEXT NOT NULL DEFAULT '';            -- of a session
ALTER TABLE tokens ADD COLUMN last_address TEXT NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN last_agent TEXT NOT NULL DEFAULT '';
-- A token for several folders; tokens.folder_id is for one.
CREATE TABLE token_folders (
    token_id  TEXT    NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    folder_id TEXT    NOT NULL REFERENCES folders (id) ON DELETE CASCADE,
    read_only BOOLEAN NOT NULL,
    PRIMARY KEY (token_id, folder_id)
);
CREATE INDEX token_folders_folder ON token_folders (folder_id);

-- Where the members of a folder's Trash came from. ino and birth as in props: a
-- row of another file counts for nothing.
CREATE TABLE trashed (
    folder_id TEXT   NOT NULL REFERENCES folders (id) ON DELETE CASCADE,
    name      TEXT   NOT NULL,          -- in Trash: one segment
    origin    TEXT   NOT NULL,          -- the name in the folder that it had
    user_id   TEXT   NOT NULL,          -- who put it there
    at        BIGINT NOT NULL,
    ino       BIGINT NOT NULL,
    birth     BIGINT NOT NULL,
    PRIMARY KEY (folder_id, name)
);

-- Who did what to which folder, when, from where. Bounded: the oldest go. No
-- references: an entry outlives what it speaks of, so it has names beside IDs.
CREATE TABLE audit (
    id         TEXT   NOT NULL PRIMARY KEY, -- in order of time
    at         BIGINT NOT NULL,
    action     TEXT   NOT NULL,             -- noun.verb: folder.create, grant.set, token.delete, …
    user_id    TEXT   NOT NULL,             -- who did it; '' for a command on the server's machine
    user_name  TEXT   NOT NULL,
    folder_id  TEXT   NOT NULL,             -- '' where no folder is concerned
    folder     TEXT   NOT NULL,             -- its title then
    project_id TEXT   NOT NULL,
    subject    TEXT   NOT NULL,             -- what else it was done to: a user, a token, a group
    address    TEXT   NOT NULL,
    door       TEXT   NOT NULL,             -- webdav, collections, vfolders, files, davit, auth, command
    detail     TEXT   NOT NULL              -- JSON object
);
CREATE INDEX audit_folder ON audit (folder_id, id);
CREATE INDEX audit_user ON audit (user_id, id);
CREATE INDEX audit_action ON audit (action, id);
