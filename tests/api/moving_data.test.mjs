// Saving and moving data while members go on posting: backup, restore, store verify, store copy.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { eventually } from '../support/eventually.mjs';
import { Api } from '../support/http.mjs';
import { assertAllThere, command, done, keepPosting, killCopies, servedFrom, startCopy } from '../support/moving.mjs';
import { makePng } from '../support/picture.mjs';
import { Server } from '../support/server.mjs';
import { tokenFor } from '../support/sign_in.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'stampede-moving-'));
const place = (name) => path.join(folder, name);
let server;
let alice;

before(async () => {
  server = await Server.start({ users: ['alice'] });
  alice = new Api(server.url, await tokenFor(server.url, 'alice'));
});
after(async () => {
  killCopies();
  await server.close();
  fs.rmSync(folder, { recursive: true });
});

async function setAvatar(colour) {
  const form = new FormData();
  form.append('avatar', new File([makePng(300, 300, colour)], 'a.png', { type: 'image/png' }));
  return (await alice.expect(200, 'PATCH', '/api/v1/accounts/update_credentials', { form })).avatar;
}

// Stops the server for as long as another one serves other data.
async function insteadServe(data, check) {
  assert.equal(await server.stop(), 0);
  try {
    await servedFrom(data, server, check);
  } finally {
    await server.launch();
  }
}

test('a backup of a server at work has every acknowledged post and its pictures', async () => {
  const avatar = await setAvatar([10, 200, 30]);
  const posting = keepPosting(alice);
  await posting.more(50);
  const before = [...posting.acknowledged];
  await done('backup', place('backups'), '--data', server.dataDir);
  await posting.stop();

  await done('restore', place('backups'), '--data', place('restored'));
  await insteadServe(place('restored'), async () => {
    await assertAllThere(alice, before);
    const me = await alice.get('/api/v1/accounts/verify_credentials');
    assert.equal(me.avatar, avatar);
    const picture = await fetch(avatar);
    assert.equal(picture.status, 200);
    assert.ok((await picture.arrayBuffer()).byteLength > 100);
    await alice.post('/api/v1/statuses', { status: 'life goes on' });
  });
  assert.match(await done('store', 'verify', '--store', place('restored')), /\b0 problems/);
});

test('the control socket belongs to the owner alone', () => {
  assert.equal(fs.statSync(path.join(server.dataDir, 'control.sock')).mode & 0o777, 0o600);
});

test('what a killed command leaves behind is removed', async () => {
  const snapshots = path.join(server.dataDir, 'snapshots');
  const killed = startCopy(server.dataDir, place('never'));
  await eventually(() => assert.ok(fs.readdirSync(snapshots).length > 0), { pauseMs: 1 });
  await killed.kill();
  await eventually(() => assert.deepEqual(fs.readdirSync(snapshots), []));
});

test('a second backup is cheap, and only the newest are kept', async () => {
  const directory = place('many');
  for (let i = 0; i < 3; ++i) await done('backup', directory, '--data', server.dataDir, '--keep', '2');
  const backups = fs.readdirSync(directory).sort();
  assert.equal(backups.length, 2);
  for (const name of backups) {
    const manifest = JSON.parse(fs.readFileSync(path.join(directory, name, 'manifest.json')));
    assert.ok(manifest.finished_at >= manifest.started_at);
    assert.ok(manifest.store_files > 0 && manifest.media_files > 0);
  }
  const tables = fs.readdirSync(path.join(directory, backups[0], 'store')).filter((name) => name.endsWith('.sst'));
  const shared = tables.filter((name) => fs.statSync(path.join(directory, backups[0], 'store', name)).nlink > 1);
  assert.ok(tables.length > 0);
  assert.deepEqual(shared, tables, 'what never changes is linked');
  assert.deepEqual(fs.readdirSync(path.join(server.dataDir, 'snapshots')), [], 'nothing is left behind');
});

test('a backup of a stopped server works as well', async () => {
  const { id } = await alice.post('/api/v1/statuses', { status: 'before the stop' });
  await server.stop();
  try {
    await done('backup', place('cold'), '--data', server.dataDir);
  } finally {
    await server.launch();
  }
  await done('restore', place('cold'), '--data', place('from-cold'));
  await insteadServe(place('from-cold'), () => assertAllThere(alice, [id]));
});

test('what is incomplete is not restored, and nothing is restored over data', async () => {
  const full = await command('restore', place('backups'), '--data', server.dataDir);
  assert.equal(full.code, 1);
  assert.match(full.err, /not empty/);

  const [name] = fs.readdirSync(place('backups'));
  fs.cpSync(place(`backups/${name}`), place('broken/b'), { recursive: true });
  fs.rmSync(place('broken/b/manifest.json'));
  const unfinished = await command('restore', place('broken'), '--data', place('nowhere'));
  assert.equal(unfinished.code, 1);
  assert.match(unfinished.err, /no complete backup/);

  fs.cpSync(place(`backups/${name}`), place('torn/b'), { recursive: true });
  const table = fs.readdirSync(place('torn/b/store')).find((file) => file.endsWith('.sst'));
  fs.rmSync(place(`torn/b/store/${table}`));
  const torn = await command('restore', place('torn/b'), '--data', place('nowhere'));
  assert.equal(torn.code, 1);
  assert.match(torn.err, /incomplete/);

  assert.equal((await command('backup', place('none'), '--data', place('no-data'))).code, 1);
  assert.equal((await command('restore', place('absent'), '--data', place('nowhere'))).code, 1);
});

test('verify reads a store in use, and finds damage in one that is not', async () => {
  const out = await done('store', 'verify', '--data', server.dataDir, '--partitions');
  assert.match(out, /\b0 problems/);
  assert.match(out, /^ {2}status\s+[\d,]+ rows/m);
  assert.match(out, /^partition \d+ rows \d+ bytes \d+ checksum [0-9a-f]{32}$/m);

  await done('restore', place('backups'), '--data', place('damaged'));
  const store = place('damaged/store');
  const largest = fs.readdirSync(store).filter((name) => name.endsWith('.sst'))
    .map((name) => path.join(store, name)).sort((a, b) => fs.statSync(b).size - fs.statSync(a).size)[0];
  const bytes = fs.readFileSync(largest);
  bytes[50] ^= 0xff;  // in the first block
  fs.writeFileSync(largest, bytes);
  const damaged = await command('store', 'verify', '--store', place('damaged'));
  assert.equal(damaged.code, 1);
  assert.match(damaged.err, /damaged/);
});

test('a store is copied while members post, and killed copies are taken up again', async () => {
  const posting = keepPosting(alice);
  await posting.more(20);
  const target = place('copied');
  const killed = startCopy(server.dataDir, target);
  await eventually(() => assert.ok(fs.existsSync(path.join(target, 'store'))));
  await killed.kill();

  const copy = startCopy(server.dataDir, target);
  await copy.said(/ready: stop the server/);
  assert.match(copy.text(), /pass 1: /);
  const early = await command('serve', '--data', target, '--listen', '127.0.0.1:0');
  assert.equal(early.code, 1, 'no server starts on half of the data');
  await posting.more(20);
  await server.stop();
  await posting.stop();
  assert.equal(await copy.ended, 0, copy.text());
  assert.match(copy.text(), /checksums of all 4096 partitions are equal/);

  assert.match(await done('store', 'verify', '--store', target, '--against', server.dataDir), /\b0 of 4096 partitions differ/);
  fs.cpSync(path.join(server.dataDir, 'media'), path.join(target, 'media'), { recursive: true });
  await server.launch();
  await insteadServe(target, () => assertAllThere(alice, posting.acknowledged));
  // Both have gone their own way since.
  const { id } = await alice.post('/api/v1/statuses', { status: 'only here' });
  assert.ok(id);
  const differing = await command('store', 'verify', '--store', server.dataDir, '--against', target);
  assert.equal(differing.code, 1);
  assert.match(differing.out, /partition \d+ differs/);
});

test('a copy never writes into a store with data, or one that a server has open', async () => {
  const own = await command('store', 'copy', '--from', server.dataDir, '--to', server.dataDir);
  assert.equal(own.code, 1);
  assert.match(own.err, /same store/);
  const served = await command('store', 'copy', '--from', place('restored'), '--to', server.dataDir);
  assert.equal(served.code, 1);
  assert.match(served.err, /in use/);
  const full = await command('store', 'copy', '--from', server.dataDir, '--to', place('restored'));
  assert.equal(full.code, 1);
  assert.match(full.err, /not empty/);
});
