// Three servers on Citus, a coordinator and two workers, under load, while a worker and then the coordinator is
// killed. Afterwards every acknowledged post is there exactly once, and every home is the merge of what its
// reader follows. Skipped where PostgreSQL has no extension citus.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Citus, citusMissing } from '../support/citus.mjs';
import { Cluster } from '../support/cluster.mjs';
import { Nats } from '../support/nats.mjs';
import { startHaproxy } from '../support/proxy.mjs';
import { makeLoad, testUnderLoad } from '../support/under_load.mjs';

const AUTHORS = ['alice', 'bob', 'dora', 'emil', 'frida', 'gustav', 'hanna', 'ivan'];
const READERS = ['charlie', 'karl', 'lena', 'mara', 'nils'];

const skip = await citusMissing();
let citus;
let cluster;
let load;

before(async () => {
  if (skip) return;
  citus = await Citus.start({ durable: true });
  cluster = await Cluster.start({
    databases: [citus], nats: await Nats.start(), users: [...AUTHORS, ...READERS], front: startHaproxy,
    env: { STAMPEDE_DRAIN_MS: '1500', STAMPEDE_JOB_LEASE_MS: '3000' },
  });
  load = await makeLoad(cluster.url, AUTHORS, READERS, { postsPerS: 40 });
}, { timeout: 300_000 });

after(async () => {
  await cluster?.close();
  await citus?.close();
});

const underLoad = (name, fault) => testUnderLoad(name, () => ({ cluster, load }), fault, { skip });

test('every table is distributed, and members are on both workers', { skip }, async () => {
  const tables = await citus.query('select table_name, shard_count from citus_tables order by table_name::text', 'stampede');
  assert.deepEqual(tables.split('\n'), ['commit_lanes|128', 'kv|128', 'kv_queue|128']);
  const used = await citus.query("select count(distinct nodeport) from citus_shards "
    + "where table_name = 'kv'::regclass and shard_size > 8192", 'stampede');
  assert.equal(used, '2');
});

underLoad('nothing fails', async () => {
  assert.deepEqual(load.failures, []);
});

for (const i of [0, 1]) {
  underLoad(`kill -9 of worker ${i + 1}, and its restart`, async () => {
    await citus.workers[i].kill();
    await citus.workers[i].launch();
  });
}

underLoad('kill -9 of the coordinator, and its restart', async () => {
  await citus.coordinator.kill();
  await citus.coordinator.launch();
});

test('after all of this each mention notified exactly once', { timeout: 120_000, skip }, () => load.verifyNotifications());

test('every server is still the process that it was meant to be, and ends in order', { skip }, async () => {
  assert.ok(cluster.alive, cluster.log);
  assert.equal(await cluster.stop(), 0, cluster.log);
});
