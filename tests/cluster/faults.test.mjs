// Three servers, PostgreSQL with a standby, three NATS servers and HAProxy, under load, while one part after
// the other fails. Afterwards every acknowledged post is there exactly once, and every home is the merge
// of what its reader follows.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Cluster } from '../support/cluster.mjs';
import { Nats } from '../support/nats.mjs';
import { Postgres } from '../support/postgres.mjs';
import { startHaproxy } from '../support/proxy.mjs';
import { Relay } from '../support/relay.mjs';
import { makeLoad, testUnderLoad } from '../support/under_load.mjs';

const AUTHORS = ['alice', 'bob', 'dora', 'emil', 'frida', 'gustav', 'hanna', 'ivan'];
const READERS = ['charlie', 'karl', 'lena', 'mara', 'nils'];
const OUTAGE_MS = 10_000;

let cluster;
let postgres;
let relay;  // between the servers and the primary
let standby;
let nats;
let load;

before(async () => {
  postgres = await Postgres.start({ durable: true });
  standby = await postgres.startStandby();
  relay = await Relay.start(postgres);
  nats = await Nats.start({ nodes: 3 });
  cluster = await Cluster.start({
    databases: [relay, standby], nats, users: [...AUTHORS, ...READERS],
    front: startHaproxy, env: { STAMPEDE_DRAIN_MS: '1500', STAMPEDE_JOB_LEASE_MS: '3000' },
  });
  load = await makeLoad(cluster.url, AUTHORS, READERS);
}, { timeout: 60_000 });

after(async () => {
  await cluster?.close();
  await standby?.close();
  await postgres?.close();
});

const lasting = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

const underLoad = (name, fault) => testUnderLoad(name, () => ({ cluster, load }), fault);

underLoad('nothing fails', async () => {
  assert.deepEqual(load.failures, []);
});

underLoad('kill -9 of a server', async () => {
  await cluster.nodes[0].kill();
  await load.progress();
  await cluster.nodes[0].launch();
});

underLoad('a rolling restart fails no request', async () => {
  await cluster.rollingRestart();
  await load.progress();
  assert.deepEqual(load.failures, []);
});

underLoad('SIGSTOP of a server for ten seconds', async () => {
  const [other, stopped] = cluster.nodes;
  stopped.signal('SIGSTOP');
  try {
    // What it had to do passes to the others meanwhile.
    const jobs = load.verifyNotifications({ expected: load.mentions(), address: other.address, timeoutMs: OUTAGE_MS });
    await Promise.all([lasting(OUTAGE_MS), load.progress(100), jobs]);
  } finally {
    stopped.signal('SIGCONT');
  }
  await stopped.waitUntilHealthy();
});

underLoad('a NATS server is killed', async () => {
  await nats.kill(0);
  await load.progress(200);
  await nats.launch();
});

underLoad('all of NATS is gone for ten seconds: posting goes on', async () => {
  await nats.killAll();
  await Promise.all([lasting(OUTAGE_MS), load.progress(200)]);
  await nats.launch();
});

underLoad('connections to PostgreSQL are cut at random bytes', async (t) => {
  const seed = Number(process.env.STAMPEDE_SEED ?? Date.now() % 1_000_000);
  t.diagnostic(`STAMPEDE_SEED=${seed}`);
  await relay.cut(100, seed);
});

underLoad('kill -9 of PostgreSQL, and its restart', async () => {
  await postgres.kill();
  await postgres.launch();
  await postgres.waitForStandby();
});

underLoad('failover to the standby', async () => {
  await postgres.kill();
  await relay.close();
  await standby.promote();
});

test('after all of this each mention notified exactly once', { timeout: 120_000 }, () => load.verifyNotifications());

test('every server is still the process that it was meant to be, and ends in order', async () => {
  assert.ok(cluster.alive, cluster.log);
  assert.equal(await cluster.stop(), 0, cluster.log);
});
