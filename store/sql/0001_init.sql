-- The tables of Davit. One text for SQLite and PostgreSQL, but for the collation:
-- text must compare bytewise, which is SQLite's default.
--
-- Identifiers are text made by Davit. Times are microseconds since 1970, 0 for
-- "never" or "not set". Limits are -1 for what the level above says, 0 for none.

-- What the installation remembers about itself, by name.
CREATE TABLE settings (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- Who can sign in.
CREATE TABLE users (
    id            TEXT    NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL UNIQUE, -- in NFC
    email         TEXT    NOT NULL,
    admin         BOOLEAN NOT NULL,
    password_hash TEXT    NOT NULL,        -- argon2id in PHC form; '' admits no password
    max_folders   BIGINT  NOT NULL,        -- these three are limits
    max_bytes     BIGINT  NOT NULL,
    max_files     BIGINT  NOT NULL,
    created       BIGINT  NOT NULL
);

-- The folders, without their bytes. A row outlives its deletion: it stays, hidden,
-- until its bytes are gone from the disk too. Only then may it be removed.
CREATE TABLE folders (
    id         TEXT    NOT NULL PRIMARY KEY,
    -- NULL once the owner was removed while the folder waits for its end. Nothing
    -- cascades here: a user who owns a folder cannot be removed by mistake.
    owner_id   TEXT    REFERENCES users (id),
    title      TEXT    NOT NULL,           -- not unique: one API wants that, another does not
    product    TEXT    NOT NULL,
    max_bytes  BIGINT  NOT NULL,           -- limits
    max_files  BIGINT  NOT NULL,
    used_bytes BIGINT  NOT NULL,           -- written in batches, behind the server's memory
    used_files BIGINT  NOT NULL,
    dirty      BOOLEAN NOT NULL,           -- used_* may be wrong: set before the first write, cleared at rest
    made       BOOLEAN NOT NULL,           -- its directory was made
    created    BIGINT  NOT NULL,
    last_used  BIGINT  NOT NULL,
    scanned    BIGINT  NOT NULL,           -- last full count
    rescan     BIGINT  NOT NULL,           -- a count is wanted if this is later than scanned
    deleted    BIGINT  NOT NULL,           -- 0: alive
    purge      BIGINT  NOT NULL,           -- with deleted: when the bytes go
    CHECK (owner_id IS NOT NULL OR deleted <> 0)
);
CREATE INDEX folders_owner ON folders (owner_id, title);
-- The few folders that the server must do something about; looked at after each
-- change of folders, and from time to time.
CREATE INDEX folders_pending ON folders (id)
    WHERE NOT made OR deleted <> 0 OR rescan > scanned OR dirty;

-- Who else may use a folder. The owner has no row.
CREATE TABLE grants (
    folder_id TEXT   NOT NULL REFERENCES folders (id) ON DELETE CASCADE,
    user_id   TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    rights    BIGINT NOT NULL,             -- 1 read, 2 write, 4 remove, 8 admin, added up
    PRIMARY KEY (folder_id, user_id)
);
CREATE INDEX grants_user ON grants (user_id);

-- API keys. A signature is checked with the secret itself, so that is kept,
-- encrypted with a key that is not in the database.
CREATE TABLE keys (
    access_key TEXT   NOT NULL PRIMARY KEY,
    user_id    TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    sealed     BYTEA  NOT NULL,
    created    BIGINT NOT NULL,
    last_used  BIGINT NOT NULL
);
CREATE INDEX keys_user ON keys (user_id);

-- Tokens: secrets for mounts and Bearer, of which only the hash is kept.
CREATE TABLE tokens (
    id        TEXT    NOT NULL PRIMARY KEY,
    user_id   TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash      BYTEA   NOT NULL,
    folder_id TEXT    REFERENCES folders (id) ON DELETE CASCADE, -- NULL: all of the user's
    read_only BOOLEAN NOT NULL,
    created   BIGINT  NOT NULL,
    expires   BIGINT  NOT NULL,
    last_used BIGINT  NOT NULL
);
CREATE INDEX tokens_user ON tokens (user_id);
CREATE INDEX tokens_folder ON tokens (folder_id);

-- WebDAV locks (RFC 4918, section 6). The server's memory decides; these rows carry
-- them over a restart.
CREATE TABLE locks (
    token     TEXT    NOT NULL PRIMARY KEY,
    folder_id TEXT    NOT NULL REFERENCES folders (id) ON DELETE CASCADE,
    path      TEXT    NOT NULL,            -- the lock root: a name inside the folder, '' is the folder itself
    infinite  BOOLEAN NOT NULL,            -- depth
    shared    BOOLEAN NOT NULL,
    owner_xml TEXT    NOT NULL,            -- what the client calls the owner
    user_id   TEXT    NOT NULL,            -- who made it; no reference, no index: written often, looked up when a user goes
    timeout   BIGINT  NOT NULL,            -- microseconds, as granted
    expires   BIGINT  NOT NULL,
    created   BIGINT  NOT NULL
);
CREATE INDEX locks_folder ON locks (folder_id, path);

-- Dead properties (RFC 4918, section 4), by the name on disk. ino and birth say
-- which file they were set on: another file that has got the name by other ways
-- than ours does not inherit them. All rows of a path have the same.
CREATE TABLE props (
    folder_id TEXT   NOT NULL REFERENCES folders (id) ON DELETE CASCADE,
    path      TEXT   NOT NULL,
    space     TEXT   NOT NULL,             -- XML namespace
    name      TEXT   NOT NULL,
    xml       TEXT   NOT NULL,             -- the whole element
    ino       BIGINT NOT NULL,             -- 64 bits without sign, stored as they are
    birth     BIGINT NOT NULL,             -- nanoseconds
    PRIMARY KEY (folder_id, path, space, name)
);

-- Changes on disk that rows must follow: written before the change, removed with
-- the rows' own change. What is here at the start broke off in between. Few rows.
CREATE TABLE intents (
    id              TEXT   NOT NULL PRIMARY KEY, -- in order of time
    kind            TEXT   NOT NULL,
    folder_id       TEXT   NOT NULL REFERENCES folders (id) ON DELETE CASCADE,
    path            TEXT   NOT NULL,
    dst_folder_id   TEXT   REFERENCES folders (id) ON DELETE CASCADE,
    dst_path        TEXT   NOT NULL,
    subject_ino     BIGINT NOT NULL,
    subject_birth   BIGINT NOT NULL,
    displaced_ino   BIGINT NOT NULL,
    displaced_birth BIGINT NOT NULL
);
