-- What is in a folder's trash is known by its identity alone: members of the trash are renamed, and their names
-- given to others. (In 0005 the key was the name; nothing had written the table.)
DROP TABLE trashed;
CREATE TABLE trashed (
    folder_id TEXT   NOT NULL REFERENCES folders (id) ON DELETE CASCADE,
    ino       BIGINT NOT NULL,
    birth     BIGINT NOT NULL,
    origin    TEXT   NOT NULL,          -- the name in the folder that it had
    user_id   TEXT   NOT NULL,          -- who put it there
    at        BIGINT NOT NULL,
    PRIMARY KEY (folder_id, ino, birth)
);

-- What becomes of an upload whose name is taken in the end: 0 is refused by its conditions alone, else a
-- davfs.Conflict and 1.
ALTER TABLE uploads ADD COLUMN conflict BIGINT NOT NULL DEFAULT 0;
