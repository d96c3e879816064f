// The English texts. A text is a string with {names} of values in it; one that depends on a number n has forms by
// plural category. Another language is a directory beside this one with the same keys.
//
// Words: what is shared, mounted and limited is a folder, and so is what people make inside it: nobody else tells two
// kinds apart by the word. Directory is said only of another machine's disk: the server's (its data directory, the
// check) and the place on one's own Linux where something is mounted. Spelling is British; dates come from format.ts.
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
