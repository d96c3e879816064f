// The English texts. A text is a string with {names} of values in it; one that depends on a number n has forms by
// plural category. Another language is a directory beside this one with the same keys.
import { account } from "./account.ts";
import { admin } from "./admin.ts";
import { common } from "./common.ts";
import { files } from "./files.ts";
import { folders } from "./folders.ts";
import { mount } from "./mount.ts";
import { people } from "./people.ts";
import { preview } from "./preview.ts";
import { uploads } from "./uploads.ts";

export const en = { ...common, account, admin, files, folders, mount, people, preview, uploads } as const;
