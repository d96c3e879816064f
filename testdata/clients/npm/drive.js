// Drives the npm package "webdav" against a server: drive.js URL USER PASSWORD INFINITE.
// URL is an empty folder with a limit of 1 MiB. Ends with an error at the first thing that is not as it should be.
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { createClient } from "webdav";

const [url, username, password, infinite] = process.argv.slice(2);
const client = createClient(url, { username, password });

const status = async (promise) => {
	try {
		await promise;
	} catch (error) {
		return error.status;
	}
	return 0;
};
const text = (name) => client.getFileContents(name, { format: "text" });

// A wrong password is told as such.
assert.equal(await status(createClient(url, { username, password: "wrong" }).getDirectoryContents("/")), 401);

// Directories
assert.equal(await client.exists("/a"), false);
await client.createDirectory("/a/b ü/c#d", { recursive: true });
assert.equal(await client.exists("/a/b ü/c#d"), true);
assert.equal(await status(client.createDirectory("/a")), 405);
assert.equal(await status(client.createDirectory("/none/below")), 409);

// Files: new, replaced, not to be replaced
assert.equal(await client.putFileContents("/a/one.txt", "first", { overwrite: false }), true);
assert.equal(await client.putFileContents("/a/one.txt", "second", { overwrite: false }), false);
assert.equal(await text("/a/one.txt"), "first");
assert.equal(await client.putFileContents("/a/one.txt", "third"), true);
const bytes = Buffer.from(Uint8Array.from({ length: 70000 }, (_, i) => i % 256));
assert.equal(await client.putFileContents("/a/b ü/c#d/100% & <bytes>.bin", bytes), true);
assert.deepEqual(Buffer.from(await client.getFileContents("/a/b ü/c#d/100% & <bytes>.bin")), bytes);
assert.equal(await status(client.getFileContents("/a/none")), 404);
assert.equal(await status(client.putFileContents("/large", Buffer.alloc(2 << 20))), 507);

// What is said of them
const one = await client.stat("/a/one.txt");
assert.equal(one.type, "file");
assert.equal(one.size, 5);
assert.equal(one.basename, "one.txt");
assert.equal(one.mime, "text/plain");
assert.ok(Math.abs(Date.parse(one.lastmod) - Date.now()) < 600_000);
const { data: details, headers } = await client.stat("/a/one.txt", { details: true });
assert.ok(details.props.getetag.length > 2);
assert.ok(headers["content-type"].includes("xml"));
assert.equal((await client.stat("/a")).type, "directory");
assert.equal(await status(client.stat("/none")), 404);

const list = await client.getDirectoryContents("/a", { details: true });
assert.deepEqual(list.data.map((f) => [f.basename, f.type, f.size]).sort(), [["b ü", "directory", 0], ["one.txt", "file", 5]]);
if (infinite === "true") {
	const deep = await client.getDirectoryContents("/", { deep: true });
	assert.deepEqual(deep.map((f) => f.filename).sort(),
		["/a", "/a/b ü", "/a/b ü/c#d", "/a/b ü/c#d/100% & <bytes>.bin", "/a/one.txt"]);
	assert.equal((await client.getDirectoryContents("/", { deep: true, glob: "/**/*.bin" })).length, 1);
} else {
	assert.equal(await status(client.getDirectoryContents("/", { deep: true })), 403);
}

// Quota must be asked for by name: it is no part of allprop (RFC 4331, section 2), which the library asks for.
const propfind = '<propfind xmlns="DAV:"><prop><quota-used-bytes/><quota-available-bytes/></prop></propfind>';
assert.deepEqual(await client.getQuota({ data: propfind }), { used: 70005, available: (1 << 20) - 70005 });
assert.equal(await client.getQuota(), null);

// Move and copy
await client.copyFile("/a/one.txt", "/copy ß.txt");
await client.moveFile("/a/one.txt", "/a/b ü/moved.txt");
assert.equal(await client.exists("/a/one.txt"), false);
assert.equal(await text("/copy ß.txt"), "third");
assert.equal(await status(client.moveFile("/copy ß.txt", "/a/b ü/moved.txt", { overwrite: false })), 412);
assert.equal(await text("/copy ß.txt"), "third");
await client.copyFile("/a", "/tree");
await client.copyFile("/a", "/shallow", { shallow: true });
assert.equal((await client.getDirectoryContents("/shallow")).length, 0);
assert.equal((await client.getDirectoryContents("/tree/b ü")).length, 2);

// Locks
const lock = await client.lock("/copy ß.txt", { timeout: "Second-600" });
assert.match(lock.token, /^urn:uuid:/);
assert.match(lock.serverTimeout, /^Second-600$/);
assert.equal(await status(client.putFileContents("/copy ß.txt", "no")), 423);
assert.equal(await client.putFileContents("/copy ß.txt", "locked", { headers: { If: `(<${lock.token}>)` } }), true);
// The library's refreshToken sends a body, which asks for a second lock (RFC 4918, section 9.10.2).
const refresh = { method: "LOCK", headers: { If: `(<${lock.token}>)`, Timeout: "Second-300" } };
assert.match(await (await client.customRequest("/copy ß.txt", refresh)).text(), /Second-300/);
await client.unlock("/copy ß.txt", lock.token);
assert.equal(await client.putFileContents("/copy ß.txt", "free"), true);
assert.equal(await status(client.unlock("/copy ß.txt", lock.token)), 409);

// Times: the library has no option for them, but sends headers.
await client.putFileContents("/aged.txt", "old", { headers: { "X-OC-Mtime": "981173106" } });
assert.equal((await client.stat("/aged.txt")).lastmod, "Sat, 03 Feb 2001 04:05:06 GMT");
await client.deleteFile("/aged.txt");

// Streams
await new Promise((resolve, reject) => {
	const upload = client.createWriteStream("/stream.bin", {}, resolve);
	upload.on("error", reject);
	Readable.from([bytes.subarray(0, 30000), bytes.subarray(30000)]).pipe(upload);
});
const gather = async (options) => {
	const parts = [];
	const down = client.createReadStream("/stream.bin", options);
	down.on("data", (part) => parts.push(part));
	await finished(down);
	return Buffer.concat(parts);
};
assert.deepEqual(await gather(), bytes);
assert.deepEqual(await gather({ range: { start: 100, end: 299 } }), bytes.subarray(100, 300));

// Parts of files
await client.partialUpdateFileContents("/stream.bin", 2, 4, "abc");
const changed = Buffer.from(bytes);
changed.write("abc", 2);
assert.deepEqual(await gather(), changed);
assert.equal(await status(client.partialUpdateFileContents("/stream.bin", 80000, 80002, "abc")), 416);

// What the server says it can
const { compliance } = await client.getDAVCompliance("/");
assert.ok(compliance.includes("1") && compliance.includes("2"));

await client.deleteFile("/tree");
await client.deleteFile("/shallow");
await client.deleteFile("/stream.bin");
assert.equal(await status(client.deleteFile("/none")), 404);
console.log("done");
