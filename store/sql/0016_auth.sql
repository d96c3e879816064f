-- A token that is for some folders only has them in token_folders; none left is no
-- folder at all. tokens.folder_id is not used any more.
ALTER TABLE tokens ADD COLUMN narrowed BOOLEAN NOT NULL DEFAULT FALSE;
INSERT INTO token_folders (token_id, folder_id, read_only)
    SELECT id, folder_id, read_only FROM tokens WHERE folder_id IS NOT NULL;
UPDATE tokens SET narrowed = TRUE, folder_id = NULL WHERE folder_id IS NOT NULL;
-- Acts in the workspace project_id (NULL: the user's own), whatever a request asks for.
ALTER TABLE tokens ADD COLUMN fixed BOOLEAN NOT NULL DEFAULT FALSE;
-- A session's word against forged requests follows from its secret.
ALTER TABLE tokens DROP COLUMN csrf;

-- What access tokens are signed with. The private key is encrypted, as those of keys.
-- The newest one of the wanted algorithm that is not retired signs; a retired one
-- verifies until the tokens that it signed have expired.
CREATE TABLE signing_keys (
    id        TEXT   NOT NULL PRIMARY KEY, -- the kid
    algorithm TEXT   NOT NULL,
    sealed    BYTEA  NOT NULL,
    created   BIGINT NOT NULL,
    retired   BIGINT NOT NULL              -- 0: not yet
);
