-- The journals of folders that clients follow (RFC 6578): what changed since when. A
-- folder that nobody follows has none.
CREATE TABLE journals (
    folder_id TEXT   NOT NULL PRIMARY KEY REFERENCES folders (id) ON DELETE CASCADE,
    epoch     TEXT   NOT NULL,             -- random; tokens of another epoch mean nothing
    number    BIGINT NOT NULL,             -- of the last change
    first     BIGINT NOT NULL,             -- changes up to this number were dropped
    used      BIGINT NOT NULL              -- last asked for, to a day
);

-- The last change of each kind to each name, in the order of their numbers.
CREATE TABLE changes (
    folder_id TEXT   NOT NULL REFERENCES journals (folder_id) ON DELETE CASCADE,
    path      TEXT   NOT NULL,
    kind      BIGINT NOT NULL,             -- 0 changed, 1 came as a collection with all that is in it, 2 went as one
    number    BIGINT NOT NULL,
    PRIMARY KEY (folder_id, path, kind)
);
CREATE INDEX changes_number ON changes (folder_id, number);
