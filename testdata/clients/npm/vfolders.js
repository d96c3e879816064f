// Drives the compute platform's client library against virtual folders, in the generation of the API that
// is given: node vfolders.js URL ACCESS-KEY SECRET-KEY v4.20190615
import { createRequire } from 'node:module';
import assert from 'node:assert/strict';

// The library writes its log there, and is made for pages.
const kept = new Map();
globalThis.localStorage = { getItem: (k) => kept.get(k) ?? null, setItem: (k, v) => kept.set(k, String(v)) };

const { Client, ClientConfig } = createRequire(import.meta.url)('backend.ai-client/backend.ai-client-node.js');
const [url, accessKey, secretKey, version] = process.argv.slice(2);

const config = new ClientConfig(accessKey, secretKey, url);
const client = new Client(config, 'davit-test');
client._apiVersion = config._apiVersion = version;
client._apiVersionMajor = config._apiVersionMajor = version[1];
client._managerVersion = version[1] === '4' ? '19.09.0' : '21.03.0';

const folders = client.vfolder;
const made = await folders.create('js', 'local');
assert.equal(made.name, 'js');
assert.deepEqual((await folders.list()).map((f) => f.name), ['js']);
const info = await folders.info('js');
assert.equal(info.id, made.id);
assert.equal(info.is_owner, true);
assert.equal((await folders.list_hosts()).default, 'local');
assert.deepEqual(await folders.list_allowed_types(), ['user', 'group']);

await folders.mkdir('dir/sub', 'js', true, true);
const content = Buffer.from('0123456789');
const upload = await folders.create_upload_session('dir/a.txt', { size: content.length }, 'js');
const tus = { 'Tus-Resumable': '1.0.0', 'Content-Type': 'application/offset+octet-stream' };
for (const [offset, end] of [[0, 4], [4, 10]]) {
  const head = await fetch(upload, { method: 'HEAD', headers: { 'Tus-Resumable': '1.0.0' } });
  assert.equal(head.headers.get('upload-offset'), String(offset));
  const patch = await fetch(upload, { method: 'PATCH', headers: { ...tus, 'Upload-Offset': String(offset) }, body: content.subarray(offset, end) });
  assert.equal(patch.status, 204);
}
await folders.create_upload_session('empty', { size: 0 }, 'js');
await folders.rename_file('dir/a.txt', 'b.txt', 'js');
const listed = JSON.parse((await folders.list_files('dir', 'js')).files);
assert.deepEqual(listed.map((f) => [f.filename, f.size]), [['b.txt', 10], ['sub', 0]]);

const blob = await folders.download('dir/b.txt', 'js');
assert.equal(await (blob.text ? blob.text() : blob), '0123456789');
const link = await folders.request_download_token('dir/b.txt', 'js');
const linked = await fetch(folders.get_download_url_with_token(link.token));
assert.equal(await linked.text(), '0123456789');

folders.name = 'js';
await folders.rename('js2');
await folders.delete_files(['empty'], false, 'js2');
await assert.rejects(folders.delete_files(['dir'], false, 'js2'));
await folders.delete_files(['dir'], true, 'js2');
await folders.invite('ro', ['bob'], 'js2');
assert.deepEqual((await folders.list_files('.', 'js2')).files, '[]');
await folders.delete('js2');
assert.deepEqual(await folders.list(), []);
await assert.rejects(folders.info('js2'));
console.log('done');
