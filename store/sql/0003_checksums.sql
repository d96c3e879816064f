-- Checksums of files, as clients sent them or asked for them. They belong to one version
-- of a file: what its ETag is made of is in the row, and another file than that has none. Nothing
-- depends on a row being there.
CREATE TABLE checksums (
    folder_id TEXT   NOT NULL REFERENCES folders (id) ON DELETE CASCADE,
    ino       BIGINT NOT NULL,             -- 64 bits without sign, stored as they are
    algorithm TEXT   NOT NULL,             -- SHA1, MD5, ADLER32, SHA256, SHA512
    size      BIGINT NOT NULL,
    mtime     BIGINT NOT NULL,             -- nanoseconds
    sum       BYTEA  NOT NULL,
    noted     BIGINT NOT NULL,             -- when the row was written
    PRIMARY KEY (folder_id, ino, algorithm)
);
