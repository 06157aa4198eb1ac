#!/usr/bin/env node
// A demonstration cluster on this machine: PostgreSQL with a standby, three NATS servers, three servers of
// Stampede, HAProxy in front, demo data. Says how to kill each part and what one will see. `make cluster`.
//   PORT=8080 BASE_URL=http://localhost:8080 tools/cluster.mjs
import { Cluster } from '../tests/support/cluster.mjs';
import { Nats } from '../tests/support/nats.mjs';
import { Postgres } from '../tests/support/postgres.mjs';
import { startHaproxy } from '../tests/support/proxy.mjs';

const port = Number(process.env.PORT ?? 8080);
const baseUrl = process.env.BASE_URL ?? `http://localhost:${port}`;
const RESTART_MS = 10_000;           // as a supervisor does, with time to look
const POSTGRES_RESTART_MS = 60_000;  // with time to promote the standby

const say = (text) => process.stdout.write(`${text}\n`);
const lasting = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

let stopping = false;
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.removeAllListeners(signal);
  process.on(signal, () => {
    stopping = true;
    say('\nEverything is stopped and removed.');
    process.exit(0);  // ends every part, see daemon.mjs
  });
}

async function start() {
  say('PostgreSQL and its standby ...');
  const postgres = await Postgres.start({ durable: true });
  const standby = await postgres.startStandby();
  say('three NATS servers ...');
  const nats = await Nats.start({ nodes: 3 });
  say('three servers of Stampede, demo data, HAProxy ...');
  const cluster = await Cluster.start({
    databases: [postgres, standby], nats, front: startHaproxy, port, args: ['--demo'],
    env: { STAMPEDE_BASE_URL: baseUrl, STAMPEDE_RATE_LIMIT_PERCENT: '100', STAMPEDE_DRAIN_MS: '1500' },
  });
  return { postgres, standby, nats, cluster };
}

function describe({ postgres, standby, nats, cluster }) {
  const pidsOf = (daemons) => daemons.map((daemon) => daemon.pid).join(' ');
  const nodes = nats.nodes.map((node) => node.daemon);
  say(`
${baseUrl}   sign in as alice, password alice (or bob, or charlie), also with a client

Kill what you like, from another terminal; what is not said to stay down starts again after ten seconds.

  servers ${pidsOf(cluster.nodes)}   (${cluster.nodes.map((node) => node.address).join(', ')})
    kill -9 ${cluster.nodes[0].pid}
        Requests that were under way fail once. Its members move to the two others; their home
        timelines are built anew there within milliseconds. No post that was answered is lost.
    kill ${cluster.nodes[1].pid}
        As in a rolling restart: it tells HAProxy first. Nobody notices.
    kill -STOP ${cluster.nodes[2].pid}; sleep 10; kill -CONT ${cluster.nodes[2].pid}
        HAProxy finds it silent and sends its members elsewhere; its jobs pass to the others.

  NATS ${pidsOf(nodes)}
    kill -9 ${nodes[0].pid}
        Nothing to see: two of three are enough.
    kill -9 ${pidsOf(nodes)}
        Posting and reading go on. What others post comes home late: when NATS is back.

  PostgreSQL ${postgres.daemon.pid}, standby ${standby.daemon.pid}
    kill -9 ${postgres.daemon.pid}
        503 until a database takes writes again: PostgreSQL starts again after a minute, or at once on the
        standby, which has every acknowledged commit:
    ${standby.promoteCommand()}
        The servers find it by themselves. The old primary then stays down.

    kill -9 ${standby.daemon.pid}
        Posting waits, reading goes on: a commit is answered when the standby has it too, or not at all. Two
        standbys would be one to spare.

  HAProxy ${cluster.front.daemon.pid}
    The one part that is single here; where it matters, two share an address.

Ctrl-C stops everything and removes its data.
`);
}

// Starts `daemon` again whenever it ends, `launch` being how; stops when `mayStart` says no.
async function supervise(name, daemon, launch, { afterMs = RESTART_MS, mayStart = async () => true } = {}) {
  for (;;) {
    const { code, signal } = await daemon.ended;
    if (stopping) return;
    say(`${name} ended (${signal ?? code}); it starts again in ${afterMs / 1000} s`);
    await lasting(afterMs);
    if (!await mayStart()) {
      say(`${name} stays down: the standby has taken over`);
      return;
    }
    try {
      await launch();
      say(`${name} is back: ${daemon.pid}`);
    } catch (error) {
      say(`${name} does not start yet: ${error.message}`);
    }
  }
}

setInterval(() => {}, 60_000);  // runs until it is told to stop
const parts = await start();
const { postgres, standby, nats, cluster } = parts;
describe(parts);
cluster.nodes.forEach((node, i) => supervise(`server ${i + 1}`, node, () => node.launch()));
for (const node of nats.nodes) supervise(node.name, node.daemon, () => nats.launch());
supervise('PostgreSQL', postgres.daemon, () => postgres.launch(), {
  afterMs: POSTGRES_RESTART_MS,
  mayStart: async () => await standby.query('select pg_is_in_recovery()') === 't',
});
supervise('the standby', standby.daemon, () => standby.launch(), { afterMs: RESTART_MS });
supervise('HAProxy', cluster.front.daemon, () => cluster.front.start());
