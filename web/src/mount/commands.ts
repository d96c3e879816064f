// The commands that people copy. Whatever stands in names is quoted for where it stands.
import { davAddress, type Target } from "./target.ts";

/** One word of a POSIX shell. */
export const sh = (text: string): string => (/^[A-Za-z0-9_@%+:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

/** One word of Windows' command prompt. */
export const cmd = (text: string): string => (/^[A-Za-z0-9_@+:,./-]+$/.test(text) ? text : `"${text.replaceAll('"', '\\"')}"`);

/** One word of davfs2's files. */
const davfs = (text: string): string => `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;

const lines = (...all: (string | false)[]): string => all.filter((l) => l !== false).join("\n");

export const windows = {
  map: (t: Target) => `net use * ${cmd(t.url)} ${cmd(t.secret)} /user:${cmd(t.user)} /persistent:yes`,
  unmap: () => "net use Z: /delete",
  start: () => "sc config webclient start= auto\nnet start webclient",
  plain: () => "reg add HKLM\\SYSTEM\\CurrentControlSet\\Services\\WebClient\\Parameters /v BasicAuthLevel /t REG_DWORD /d 2 /f\nnet stop webclient\nnet start webclient",
  large: () => "reg add HKLM\\SYSTEM\\CurrentControlSet\\Services\\WebClient\\Parameters /v FileSizeLimitInBytes /t REG_DWORD /d 4294967295 /f\nnet stop webclient\nnet start webclient",
};

export const macos = {
  mount: (t: Target) => `mkdir -p ~/davit/${t.short}\nmount_webdav -i ${sh(t.url)} ~/davit/${t.short}`,
  umount: (t: Target) => `umount ~/davit/${t.short}`,
};

export const gnome = {
  mount: (t: Target) => `gio mount ${sh(davAddress(t, "dav"))}`,
  list: (t: Target) => `gio list ${sh(davAddress(t, "dav"))}`,
  umount: (t: Target) => `gio mount -u ${sh(davAddress(t, "dav"))}`,
};

export const kde = {
  open: (t: Target) => `dolphin ${sh(davAddress(t, "webdav"))}`,
};

const conf = (t: Target) => `/etc/davfs2/davit-${t.short}.conf`;
const secrets = (t: Target) => `/etc/davfs2/davit-${t.short}.secrets`;
const point = (t: Target) => `/mnt/davit/${t.short}`;
const options = (t: Target) => `conf=${conf(t)},uid=$(id -u),gid=$(id -g)${t.readOnly ? ",ro" : ""}`;

export const davfs2 = {
  point,
  secrets,
  install: () => "sudo apt install davfs2",
  // Files of its own: nothing of the system's is changed, and done once more they are as new. lock_owner: a second
  // mount of the same user would otherwise take this one's locks for its own.
  settings: (t: Target) =>
    lines(
      `sudo mkdir -p ${point(t)}`,
      `printf 'buf_size 64\\nsecrets ${secrets(t)}\\nlock_owner %s\\n' "${t.short}@$(uname -n)" | sudo tee ${conf(t)}`,
      `sudo install -m 600 /dev/null ${secrets(t)}`,
      `sudo tee ${secrets(t)} >/dev/null <<'END'`,
      `${davfs(t.url)} ${davfs(t.user)} ${davfs(t.secret)}`,
      "END",
    ),
  mount: (t: Target) => `sudo mount -t davfs -o ${options(t)} ${sh(t.url)} ${point(t)}`,
  look: (t: Target) => `df -h ${point(t)}\nls -l ${point(t)}`,
  fstab: (t: Target) => `echo "${t.url} ${point(t)} davfs ${options(t)},_netdev,nofail 0 0" | sudo tee -a /etc/fstab`,
  umount: (t: Target) => `sudo umount ${point(t)}`,
};

const remote = (t: Target) => `davit-${t.short}`;

export const rclone = {
  install: () => "sudo apt install rclone",
  config: (t: Target) => `rclone config create ${remote(t)} webdav url=${sh(t.url)} vendor=owncloud user=${sh(t.user)} pass=${sh(t.secret)} --obscure`,
  list: (t: Target) => `rclone lsf ${remote(t)}:`,
  copy: (t: Target) => `rclone copy --progress DIRECTORY ${remote(t)}:DIRECTORY`,
  fetch: (t: Target) => `rclone copy --progress ${remote(t)}:DIRECTORY DIRECTORY`,
  mount: (t: Target) => lines(`mkdir -p ~/davit/${t.short}`, `rclone mount ${remote(t)}: ~/davit/${t.short} --vfs-cache-mode writes --vfs-write-back 0s${t.readOnly ? " --read-only" : ""} --daemon`),
  umount: (t: Target) => `fusermount3 -u ~/davit/${t.short}`,
};

export const curl = {
  list: (t: Target) => `curl -f -u ${sh(`${t.user}:${t.secret}`)} -X PROPFIND -H 'Depth: 1' ${sh(t.url)}`,
  upload: (t: Target) => `curl -f -u ${sh(`${t.user}:${t.secret}`)} -T FILE ${sh(t.url)}`,
  download: (t: Target) => `curl -f -u ${sh(`${t.user}:${t.secret}`)} -O ${sh(t.url + "FILE")}`,
};

type KernelFolder = { id: string; path?: string; readOnly?: boolean };

/** What POST /api/davit/mounts is asked for. */
export type KernelMount = { folders: KernelFolder[]; lifetime: string; title?: string };

export const kernel = {
  fetch: (user: string, body: KernelMount) =>
    lines("umask 077", `curl -fu ${sh(user)} ${sh(`${location.origin}/api/davit/mounts?format=sh`)} -o mount.sh -d ${sh(JSON.stringify(body))}`, "sudo sh mount.sh"),
  mount: () => "sudo sh mount.sh",
  umount: () => "sudo sh mount.sh umount",
};
