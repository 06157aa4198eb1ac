// From the embedded store to PostgreSQL and back, while members post.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { freePort, removeFolder, temporaryFolder } from '../support/daemon.mjs';
import { Api } from '../support/http.mjs';
import { assertAllThere, command, done, keepPosting, killCopies, startCopy } from '../support/moving.mjs';
import { databaseUrl, Postgres } from '../support/postgres.mjs';
import { createUser, ServerProcess, testSettings } from '../support/server.mjs';
import { tokenFor } from '../support/sign_in.mjs';

const folder = temporaryFolder('moving');
const servers = [];
const place = (name) => path.join(folder, name);
let postgres;
let database;
let port;

before(async () => {
  postgres = await Postgres.start();
  await postgres.createDatabase('stampede');
  database = databaseUrl([postgres], 'stampede');
  await done('store', 'init', '--database', database);
  port = await freePort();
});
after(async () => {
  killCopies();
  for (const server of servers) if (server.alive) await server.kill();
  await postgres.close();
  removeFolder(folder);
});

// On the embedded store of a directory, or with `database` set.
function serverOn(name, env = {}, ownPort = port) {
  const server = new ServerProcess({
    dataDir: place(name), port: ownPort,
    env: { ...testSettings, STAMPEDE_BASE_URL: `http://127.0.0.1:${port}`, ...env },
  });
  servers.push(server);
  return server;
}

test('a server moves to PostgreSQL, its copy killed half-way, and back', { timeout: 300_000 }, async () => {
  const embedded = serverOn('embedded');
  await createUser('alice', embedded.dataDir, embedded.env);
  await embedded.launch();
  const alice = new Api(embedded.address, await tokenFor(embedded.address, 'alice'));
  const posted = [];

  const first = keepPosting(alice);
  await first.more(50);
  const killed = startCopy(embedded.dataDir, database);
  await first.more(10);
  await killed.kill();
  const there = startCopy(embedded.dataDir, database);
  await there.said(/ready/);
  await first.more(20);
  const early = serverOn('early', { STAMPEDE_DATABASE: database }, await freePort());
  await assert.rejects(early.launch(), /half-done copy/, 'no server starts on half of the data');
  assert.equal(await embedded.stop(), 0);
  await first.stop();
  assert.equal(await there.ended, 0, there.text());
  posted.push(...first.acknowledged);
  assert.match(await done('store', 'verify', '--store', embedded.dataDir, '--against', database), /\b0 of 4096 partitions differ/);

  const moved = serverOn('embedded', { STAMPEDE_DATABASE: database });
  await moved.launch();
  await assertAllThere(alice, posted);
  const second = keepPosting(alice);
  await second.more(20);
  const refused = await command('store', 'copy', '--from', place('embedded'), '--to', database);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /in use/);
  const back = startCopy(database, place('back'));
  await back.said(/ready/);
  await second.more(20);
  assert.equal(await moved.stop(), 0);
  await second.stop();
  assert.equal(await back.ended, 0, back.text());
  posted.push(...second.acknowledged);

  const home = serverOn('back');
  await home.launch();
  await assertAllThere(alice, posted);
  assert.equal(await home.stop(), 0);
});
