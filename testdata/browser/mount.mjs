// Mounting: the commands that the page shows are run, as they are, by the programs that they are for.
import { execFile, spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import jsQR from "../clients/npm/node_modules/jsqr/dist/jsQR.js";
import { api, check, checkAxe, dav, equal, eventually, file, must, onDisk, scenario, server, shot, signIn, user } from "./harness.mjs";

// The number keeps apart those who run this on one machine at the same time.
const title = `It's "my" data, $HOME & ${process.pid}`;
const short = `It-s-my-data-HOME-${process.pid}`;

// A machine of ann's: a home, and a sudo, for the tests are root already. Others can reach it: davfs2 gives its rights up.
const machine = await mkdtemp(path.join(os.tmpdir(), "davit-machine-"));
await chmod(machine, 0o755);
await mkdir(path.join(machine, "bin"));
await writeFile(path.join(machine, "bin/sudo"), '#!/bin/sh\nexec "$@"\n', { mode: 0o755 });
const env = { ...process.env, HOME: machine, PATH: `${machine}/bin:${process.env.PATH}:/usr/sbin:/sbin` };

/** Runs what somebody pastes into a shell; it must succeed. The answer is what it prints. */
function run(script, { input = "", fails = false, cwd = machine, more = {} } = {}) {
  return new Promise((done, failed) => {
    const p = execFile("bash", ["-e", "-c", script], { env: { ...env, ...more }, cwd, timeout: 60_000, maxBuffer: 16 << 20 }, (e, stdout, stderr) => {
      if ((e !== null) !== fails) failed(new Error(`${script}\n${e ? `exit ${e.code}` : "should have failed"}\n${stdout}${stderr}`));
      else done(stdout + (fails ? stderr : ""));
    });
    p.stdin.on("error", () => {}); // a program that reads nothing
    p.stdin.end(input);
  });
}

/** The text to copy that has a name. */
const text = (page, label) => page.getByRole("group", { name: label, exact: true }).locator("code").innerText();

/** Goes to a system's steps. */
async function on(page, system, heading) {
  await page.getByRole("navigation", { name: "Systems" }).getByRole("link", { name: system, exact: true }).click();
  await page.getByRole("heading", { level: 2, name: heading }).waitFor();
}

/** Makes a password for the device, and gives it. */
async function password(page) {
  await page.getByRole("button", { name: "Make a password for this device" }).click();
  await page.getByText("Waiting for the first connection").waitFor();
  return text(page, "Password");
}

let n = 0;
/** Somebody with the folder, and a page at its mounting. */
async function mounting(context, options = {}) {
  const name = `ann o'${++n} "the" first`; // names of users may be like that
  const ann = await user(name, { folders: [title], ...options });
  const page = await signIn(context, ann.name, ann.password, "/#/mount/" + ann.folders[title]);
  await page.getByRole("heading", { level: 1, name: "Mount" }).waitFor();
  return { ann, page, id: ann.folders[title] };
}

const connected = (page) => page.getByText("Your computer is connected.").waitFor({ timeout: 20_000 });

await scenario("from the sign-in to a directory that is uploaded and mounted on Linux", async ({ page }) => {
  const ann = await user("lea", { folders: [title] });
  const id = ann.folders[title];
  await page.goto("/");
  await page.getByLabel("User name").fill("lea");
  await page.getByLabel("Password", { exact: true }).fill(ann.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Mount" }).click();
  await page.getByLabel("Folder", { exact: true }).selectOption({ label: title });
  await page.waitForURL(new RegExp(`#/mount/${id}`));
  await on(page, "rclone", "Copy, synchronise and mount with rclone");
  const secret = await password(page);

  // A directory goes up by rclone …
  await mkdir(path.join(machine, "DIRECTORY/sub dir"), { recursive: true });
  await writeFile(path.join(machine, "DIRECTORY/a.txt"), "first\n");
  await writeFile(path.join(machine, "DIRECTORY/sub dir/ü.txt"), "second\n");
  await run(await text(page, "Commands for the settings"));
  check(!(await readFile(path.join(machine, ".config/rclone/rclone.conf"), "utf8")).includes(secret), "rclone keeps the password as it is");
  equal(await run(await text(page, "Command that lists")), "", "an empty folder");
  await run(await text(page, "Command that copies"));
  equal(await run(await text(page, "Command that lists")), "DIRECTORY/\n", "after the upload");
  equal(await readFile(onDisk(`${id}/DIRECTORY/sub dir/ü.txt`), "utf8"), "second\n", "on the server's disk");
  await connected(page);
  await page.getByText(/^rclone · 127\.0\.0\.1/).waitFor();
  await shot(page, "connected");
  await checkAxe(page);

  // … and is there in a directory of Linux, by the same password.
  await on(page, "Linux (davfs2)", "A directory of Linux, for all programs");
  const point = `/mnt/davit/${short}`;
  try {
    const settings = await text(page, "Commands for the settings");
    check(settings.includes(secret), "the commands have the password");
    await run(settings);
    equal((await run(`stat -c %a /etc/davfs2/davit-${short}.secrets`)).trim(), "600", "mode of the file with the password");
    await run(settings); // once more is no harm
    await run(await text(page, "Command that mounts"));
    const look = await run(await text(page, "Commands that look"));
    check(/\b1\.0G\b/.test(look) && look.includes("DIRECTORY"), `df and ls:\n${look}`);
    equal(await readFile(`${point}/DIRECTORY/a.txt`, "utf8"), "first\n");
    await writeFile(`${point}/from the mount`, "third\n");
    await run(await text(page, "Command that ends it"));
    equal(await readFile(onDisk(`${id}/from the mount`), "utf8"), "third\n", "after umount");

    // The line of fstab mounts as well.
    const fstab = (await text(page, "Command for /etc/fstab")).replace("/etc/fstab", `${machine}/fstab`);
    const entry = (await run(fstab)).trim().split(" ");
    equal([entry[0], entry[1], entry[2], entry.length], [`${server}/dav/${id}/`, point, "davfs", 6]);
    await run(`mount -T ${machine}/fstab ${point}`);
    equal(await readFile(`${point}/from the mount`, "utf8"), "third\n");
    await run(`umount ${point}`);
  } finally {
    await run(`umount -i -l ${point} 2>/dev/null || true; rmdir ${point} && rmdir --ignore-fail-on-non-empty /mnt/davit || true; rm -f /etc/davfs2/davit-${short}.conf /etc/davfs2/davit-${short}.secrets`);
  }
  await shot(page, "davfs2");
  await checkAxe(page);
}, { timeout: 150_000 });

await scenario("rclone mounts", async ({ context }) => {
  const { ann, page, id } = await mounting(context);
  await must(ann, "PUT", `/dav/${id}/here`, "already");
  await on(page, "rclone", "Copy, synchronise and mount with rclone");
  await password(page);
  await run(await text(page, "Commands for the settings"));
  const mount = await text(page, "Command that mounts");
  await run(mount);
  try {
    equal(await readFile(path.join(machine, "davit", short, "here"), "utf8"), "already");
    await writeFile(path.join(machine, "davit", short, "new"), "by rclone");
    await eventually("the file is on the server", () => readFile(onDisk(`${id}/new`), "utf8").then((t) => t === "by rclone", () => false));
  } finally {
    await run(await text(page, "Command that ends it"));
  }
  await connected(page);
});

await scenario("GNOME mounts", async ({ context }) => {
  const { ann, page, id } = await mounting(context);
  await must(ann, "PUT", `/dav/${id}/seen.txt`, "by GNOME");
  await on(page, "GNOME", "A place in GNOME's Files");
  const secret = await password(page);
  const runtime = path.join(machine, "runtime");
  await mkdir(runtime, { mode: 0o700, recursive: true });
  const commands = await Promise.all(["Command that mounts", "Command that lists", "Command that ends it"].map((l) => text(page, l)));
  check(!commands.join().includes(secret), "GNOME asks for the password; the commands do not have it");
  const inside = await file("gnome.sh", `set -e\nprintf '%s\\n' '${secret}' | ${commands[0]}\n${commands[1]}\n${commands[2]}\n`);
  const out = await run(`dbus-run-session -- bash ${inside}`, { more: { XDG_RUNTIME_DIR: runtime, GVFS_DISABLE_FUSE: "1", GIO_USE_VOLUME_MONITOR: "unix" } });
  check(out.includes("seen.txt"), `gio list: ${out}`);
  await connected(page);
  await page.getByText(/^GNOME · /).waitFor();
  await checkAxe(page);
});

await scenario("curl lists, uploads and downloads", async ({ context }) => {
  const { page, id } = await mounting(context);
  await on(page, "Others", "Any other program that speaks WebDAV");
  await password(page);
  const cwd = path.dirname(await file("curl/FILE", "by curl"));
  await run(await text(page, "Command that uploads"), { cwd });
  equal(await readFile(onDisk(`${id}/FILE`), "utf8"), "by curl");
  await rm(path.join(cwd, "FILE"));
  await run(await text(page, "Command that downloads"), { cwd });
  equal(await readFile(path.join(cwd, "FILE"), "utf8"), "by curl");
  check((await run(await text(page, "Command that lists"))).includes(`/dav/${id}/FILE`), "PROPFIND shows the file");
  await connected(page);
  await shot(page, "any");
  await checkAxe(page);
});

await scenario("a kernel mounts by a script", async ({ context }) => {
  const { ann, page, id } = await mounting(context);
  await must(ann, "PUT", `/dav/${id}/model.bin`, "weights");
  await on(page, "Compute kernel", "A directory in a container or compute kernel");
  const cwd = path.join(machine, "kernel");
  await mkdir(cwd, { recursive: true });
  const at = path.join(cwd, "the data");
  await page.getByLabel("Where it goes").fill(at);
  await page.getByLabel("What it is for").fill("kernel 7");
  await page.getByLabel("Ends", { exact: true }).selectOption("After an hour");
  await checkAxe(page);
  await shot(page, "kernel");
  const saved = page.waitForEvent("download");
  await page.getByRole("button", { name: "Make and download mount.sh" }).click();
  const download = await saved;
  equal(download.suggestedFilename(), "mount.sh");
  await download.saveAs(path.join(cwd, "mount.sh"));
  await page.getByText("mount.sh is in your downloads").waitFor();
  const more = { MOUNT_STATE: path.join(machine, "state") };
  const tryIt = async () => {
    try {
      equal(await readFile(path.join(at, "model.bin"), "utf8"), "weights");
      await writeFile(path.join(at, "result"), "42");
    } finally {
      await run(await text(page, "Command that ends it"), { cwd, more });
    }
    equal(await readFile(onDisk(`${id}/result`), "utf8"), "42");
  };
  await run(await text(page, "Command that mounts"), { cwd, more });
  await tryIt();

  // The same, fetched there: curl asks for the password.
  await must(ann, "DELETE", `/dav/${id}/result`);
  await rm(path.join(cwd, "mount.sh"));
  const there = await text(page, "Commands that fetch and start it");
  await new Promise((done, failed) => {
    // Without a terminal curl takes it from its input.
    const p = spawn("setsid", ["--wait", "bash", "-e", "-c", there], { cwd, env: { ...env, ...more }, stdio: ["pipe", "pipe", "pipe"] });
    let out = "";
    p.stdout.on("data", (d) => (out += d));
    p.stderr.on("data", (d) => (out += d));
    p.on("exit", (code) => (code === 0 ? done() : failed(new Error(`exit ${code}\n${out}`))));
    p.stdin.end(ann.password + "\n");
  });
  await tryIt();
  const { items } = await must(ann, "GET", "/api/davit/mounts");
  equal(items.map((m) => [m.title, m.folders[0].id]), [["kernel 7", id], ["kernel 7", id]]);
}, { timeout: 120_000 });

await scenario("a password for a device opens that folder and nothing else, until it is revoked", async ({ context }) => {
  const { ann, page, id } = await mounting(context);
  const other = await must(ann, "POST", "/v2/folder/create", { name: "other" });
  await page.getByRole("button", { name: "Make a password" }).waitFor();
  await page.getByLabel("Name of the device").fill("the lab's \u202Egnol");
  await page.getByLabel("Ends", { exact: true }).selectOption("After 30 days");
  const secret = await password(page);
  const device = { name: ann.name, password: secret };
  equal((await dav(device, "PUT", `${id}/x`, "x")).status, 201);
  equal((await dav(device, "GET", `${other.folderId}/`)).status, 404, "another folder");
  check([401, 403].includes((await api(device, "GET", "/api/davit/tokens")).status), "the API");
  await connected(page);
  const { tokens } = await must(ann, "GET", "/api/davit/tokens");
  equal(tokens.map((k) => [k.title, k.folders, k.scopes, k.readOnly]), [["the lab's \u202Egnol", [{ id, readOnly: false }], ["webdav:write"], false]]);
  equal(Math.round((new Date(tokens[0].expires) - new Date(tokens[0].created)) / 86400e3), 30, "days");

  // The secret is nowhere but in what is shown.
  const kept = await page.evaluate(async () => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, location.href, history.state, document.cookie, await indexedDB.databases()]));
  check(!kept.includes(secret), `the secret is kept: ${kept}`);
  await page.getByRole("link", { name: "All passwords of devices" }).click();
  await page.getByText("U+202E").waitFor();
  check(!(await page.content()).includes(secret), "the secret is shown twice");
  await page.goBack();
  await page.getByRole("button", { name: "Make a password" }).waitFor();
  check(!(await page.content()).includes(secret), "the secret is still there after leaving");

  const second = await password(page);
  await page.getByRole("button", { name: "Revoke this password" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("button", { name: "Make a password" }).waitFor();
  equal((await dav({ name: ann.name, password: second }, "GET", `${id}/x`)).status, 401, "the revoked one");
  equal((await dav(device, "GET", `${id}/x`)).status, 200, "the other");

  // One that somebody else revokes is told of.
  await password(page);
  for (const k of (await must(ann, "GET", "/api/davit/tokens")).tokens) await must(ann, "DELETE", `/api/davit/tokens/${k.id}`);
  await page.getByText("This password has been revoked.").waitFor();
  await checkAxe(page);
});

await scenario("who may only read gets a password for reading", async ({ context }) => {
  const ann = await user("owner", { folders: [title] });
  const bob = await user("reader");
  const id = ann.folders[title];
  const { id: invitation } = await must(ann, "POST", "/api/davit/invitations", { folderId: id, users: ["reader"], permission: "READ" }).then((r) => (r.items ?? r.invitations ?? [r])[0]);
  await must(bob, "POST", `/api/davit/invitations/${invitation}/accept`);
  const page = await signIn(context, "reader", bob.password, "/#/mount/" + id + "?on=davfs2");
  await page.getByText("You may only read").waitFor();
  const box = page.getByLabel("For reading only");
  check((await box.isChecked()) && (await box.isDisabled()), "reading is not a choice");
  check((await text(page, "Command that mounts")).includes(",ro "), "mounts read-only");
  const secret = await password(page);
  const { tokens } = await must(bob, "GET", "/api/davit/tokens");
  equal([tokens[0].readOnly, tokens[0].folders, tokens[0].scopes], [true, [{ id, readOnly: true }], ["webdav:read"]]);
  equal((await dav({ name: "reader", password: secret }, "GET", `${id}/`)).status, 200);
  await checkAxe(page);
  await shot(page, "reading");
});

await scenario("all folders, and the system of the visitor", async ({ newContext }) => {
  const ann = await user("many", { folders: ["one", "two"] });
  for (const [userAgent, heading] of [
    ["Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36", "A drive in Windows Explorer"],
    ["Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36", "On a phone or tablet"],
    ["Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36", "A place in GNOME's Files"],
  ]) {
    const context = await newContext({ userAgent });
    const page = await signIn(context, "many", ann.password, "/#/mount");
    await page.getByRole("heading", { level: 2, name: heading }).waitFor();
    equal(await text(page, "Address"), `${server}/dav/`);
    await checkAxe(page);
    await shot(page, heading.split(" ").pop().toLowerCase());
    if (heading.includes("Windows")) {
      check((await text(page, "Command that mounts")) === `net use * ${server}/dav/ PASSWORD /user:many /persistent:yes`, "net use");
      await page.getByText("47 MiB").waitFor();
      await page.getByText("BasicAuthLevel").waitFor();
      const secret = await password(page);
      equal((await dav({ name: "many", password: secret }, "PROPFIND", "/dav/", undefined, { Depth: "1" })).text.match(/<[a-z]*:?response>/gi)?.length, 3, "the root and both folders");
      equal(await text(page, "Command that mounts"), `net use * ${server}/dav/ ${secret} /user:many /persistent:yes`);
      await on(page, "macOS", "A server in the Finder");
      await checkAxe(page);
      await shot(page, "macos");
      await on(page, "KDE", "A place in Dolphin");
      equal(await text(page, "Address for KDE"), `${server.replace("http:", "webdav:").replace("://", "://many@")}/dav/`);
      await checkAxe(page);
      await shot(page, "kde");
    }
    await context.close();
  }
});

await scenario("a phone reads the address from a picture", async ({ context }) => {
  const { ann, page, id } = await mounting(context);
  await on(page, "Phone", "On a phone or tablet");
  const read = async () => {
    const png = await page.getByRole("img", { name: /QR code/ }).screenshot();
    const { data, width, height } = await page.evaluate(async (base64) => {
      const image = new Image();
      image.src = "data:image/png;base64," + base64;
      await image.decode();
      const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
      canvas.drawImage(image, 0, 0);
      const { data, width, height } = canvas.getImageData(0, 0, image.width, image.height);
      let bytes = "";
      for (const b of data) bytes += String.fromCharCode(b);
      return { data: btoa(bytes), width, height };
    }, png.toString("base64"));
    return (jsQR.default ?? jsQR)(new Uint8ClampedArray(Buffer.from(data, "base64")), width, height)?.data;
  };
  await page.getByRole("img", { name: "QR code of the address" }).waitFor();
  equal(await read(), `${server}/dav/${id}/`);
  check(await page.getByLabel("Put the user name and the password into the code").isDisabled(), "there is no password yet");
  const secret = await password(page);
  equal(await read(), `${server}/dav/${id}/`, "not asked for");
  await page.getByLabel("Put the user name and the password into the code").check();
  await page.getByText("Who photographs this code").waitFor();
  await page.getByRole("img", { name: "QR code of the address with user name and password" }).waitFor();
  const whole = new URL(await read());
  equal([decodeURIComponent(whole.username), whole.password, whole.pathname], [ann.name, secret, `/dav/${id}/`]);
  await page.emulateMedia({ colorScheme: "dark" });
  check((await read()).startsWith("http"), "in dark colours");
  await checkAxe(page);
  await shot(page, "phone");
});

await scenario("narrow, with a folder that is gone, and without any", async ({ newContext }) => {
  const { page, ann } = await mounting(await newContext({ viewport: { width: 360, height: 740 } }));
  for (const system of ["Windows", "macOS", "GNOME", "KDE", "Linux (davfs2)", "rclone", "Compute kernel", "Phone", "Others"]) {
    await page.getByRole("navigation", { name: "Systems" }).getByRole("link", { name: system, exact: true }).click();
    await page.getByRole("link", { name: system, exact: true }).and(page.locator("[aria-current]")).waitFor();
    check(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${system} is wider than the window`);
  }
  await page.goto("/#/mount/0123456789abcdef0123456789abcdef");
  await page.getByText("There is no such folder").waitFor();
  await checkAxe(page);
  await must(ann, "DELETE", `/v2/folder/${ann.folders[title]}`);
  await page.goto("/#/mount");
  await page.reload();
  await page.getByText("You have no folders yet").waitFor();
  await checkAxe(page);
});

await rm(machine, { recursive: true, force: true });
