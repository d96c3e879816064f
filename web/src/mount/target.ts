// What is mounted, from where, by whom: all that the commands need.
import { me } from "../session.ts";
import type { FolderChoice } from "../account/folders.ts";

export type Target = {
  /** Null: all folders. */
  folder: FolderChoice | null;
  user: string;
  /** A token, or the word that stands for one. */
  secret: string;
  /** Nothing may be written: the folder does not allow it, or the token. */
  readOnly: boolean;
  /** The address, with a slash at its end. */
  url: string;
  /** For names of files and remotes on the device: letters, digits, "-", "_" and ".". */
  short: string;
};

/** What commands say while there is no token. */
export const placeholder = "PASSWORD";

/** The target for a folder, or for all. The server's address is that of the page: it is the one that reaches it. */
export function targetOf(folder: FolderChoice | null, secret: string | undefined, readOnly: boolean): Target {
  return {
    folder,
    user: me.value?.name ?? "",
    secret: secret ?? placeholder,
    readOnly: readOnly || (folder?.readOnly ?? false),
    url: `${location.origin}/dav/${folder ? folder.id + "/" : ""}`,
    short: folder ? shortName(folder.title) : "all",
  };
}

/** A name that every shell, file system and program takes as it is: "It's “my” data" is "It-s-my-data". */
function shortName(title: string): string {
  const plain = title
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[-.]+|[-.]+$/g, "")
    .slice(0, 40);
  return plain === "" ? "folder" : plain;
}

/** The address in the words of GNOME (dav, davs) or KDE (webdav, webdavs), with the user's name. */
export function davAddress(target: Target, kind: "dav" | "webdav", withUser = true): string {
  const at = new URL(target.url);
  return `${kind}${at.protocol === "https:" ? "s" : ""}://${withUser ? encodeURIComponent(target.user) + "@" : ""}${at.host}${at.pathname}`;
}
