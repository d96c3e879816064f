-- Uploads that outlive their requests (tus). The bytes lie in staging/kept/<id> of the
-- volume, whose size says how many there are; a row without its file, or a file
-- without its row, is removed at the start. The row goes with the commit.
CREATE TABLE uploads (
    id            TEXT    NOT NULL PRIMARY KEY,
    folder_id     TEXT    NOT NULL REFERENCES folders (id) ON DELETE CASCADE,
    user_id       TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE, -- who began it
    path          TEXT    NOT NULL,  -- the name in the folder that the file will have
    length        BIGINT  NOT NULL,  -- bytes, as announced; -1: not yet known
    base          BIGINT  NOT NULL,  -- bytes of the file that was at the name: so much need not be reserved
    fresh         BOOLEAN NOT NULL,  -- there was no file at the name: one file is reserved
    mtime         BIGINT  NOT NULL,  -- seconds since 1970 that the client gave; -1: none
    if_match      TEXT    NOT NULL,  -- conditions that must hold at the commit; '': none
    if_none_match TEXT    NOT NULL,
    metadata      TEXT    NOT NULL,  -- as the client sent it
    solid         BIGINT  NOT NULL,  -- bytes that count: what is behind them waits for its checksum; -1: all
    created       BIGINT  NOT NULL,
    expires       BIGINT  NOT NULL
);
CREATE INDEX uploads_folder ON uploads (folder_id);
CREATE INDEX uploads_user ON uploads (user_id);
