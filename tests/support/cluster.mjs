// Several `stampede serve` on one database and one bus, with a load balancer in front: as one server to
// tests that were written for one, and with a handle on every part for tests that break them.
import { Citus } from './citus.mjs';
import { removeFolder, temporaryFolder, freePort, freePorts } from './daemon.mjs';
import { Nats } from './nats.mjs';
import { databaseUrl, Postgres } from './postgres.mjs';
import { startHaproxy } from './proxy.mjs';
import { watch } from './replies.mjs';
import { createUser, run, ServerProcess, testSettings } from './server.mjs';
import { Spreader } from './spreader.mjs';

export class Cluster {
  // `databases` are the servers of the connection string; `front` starts what stands before the nodes:
  // ({port, targets}) → {close}. The database is created unless `launch` finds it filled.
  static async start({
    databases, nats, front, nodes = Number(process.env.STAMPEDE_NODES ?? 3), users = [], env = {}, args = [], databaseName = 'stampede', port,
  }) {
    const cluster = new Cluster();
    Object.assign(cluster, { databases, nats });
    cluster.dataDir = temporaryFolder('cluster');
    const publicPort = port ?? await freePort();
    cluster.url = `http://127.0.0.1:${publicPort}`;
    cluster.env = {
      ...testSettings,
      STAMPEDE_BASE_URL: cluster.url,
      STAMPEDE_DATABASE: databaseUrl(databases, databaseName),
      STAMPEDE_DATABASE_POOL: '8',
      STAMPEDE_EVENTS: nats.url,
      STAMPEDE_EVENTS_REPLICAS: String(nats.nodes.length),
      ...env,
    };
    await databases[0].createDatabase(databaseName);
    await run(['store', 'init', '--data', cluster.dataDir], cluster.env);
    await Promise.all(users.map((name) => cluster.createUser(name)));
    cluster.nodes = (await freePorts(nodes)).map((each) =>
      new ServerProcess({ dataDir: cluster.dataDir, port: each, env: cluster.env, args }));
    cluster.front = await front({ port: publicPort, targets: cluster.nodes.map((node) => node.port) });
    await cluster.launch();
    watch(cluster.url);
    return cluster;
  }

  // Raw connections go to a node itself: what they send would not survive a load balancer.
  get port() { return this.nodes[0].port; }
  get alive() { return this.nodes.every((node) => node.alive); }
  get log() { return this.nodes.map((node, i) => `--- node ${i + 1}\n${node.log}`).join('\n'); }
  rssBytes() { return Math.max(...this.nodes.map((node) => node.rssBytes())); }

  createUser(name) { return createUser(name, this.dataDir, this.env); }

  // One after the other: the first may have an empty store to fill.
  async launch() {
    for (const node of this.nodes) await node.launch();
    await this.front.waitUntilUp?.();
  }

  // SIGTERM to all; the worst exit code.
  async stop() {
    const codes = await Promise.all(this.nodes.map((node) => node.stop()));
    return codes.find((code) => code !== 0) ?? 0;
  }

  async kill() { await Promise.all(this.nodes.map((node) => node.kill())); }

  // Each node in turn: SIGTERM, its end, its new start, until it serves again.
  async rollingRestart() {
    for (const node of this.nodes) {
      const code = await node.stop();
      if (code !== 0) throw new Error(`a node ended with ${code}:\n${node.log}`);
      await node.launch();
      await this.front.waitUntilUp?.();
    }
  }

  async close() {
    for (const node of this.nodes) if (node.alive) await node.stop();
    await this.front.close();
    await this.nats.close();
    removeFolder(this.dataDir);
  }
}

// The cluster that STAMPEDE_PROFILE=cluster puts in place of a single server. One PostgreSQL serves all
// clusters of a test file, each with a database of its own; STAMPEDE_DATABASE_KIND=citus puts Citus in its
// place. STAMPEDE_SPREAD says how requests are spread: round_robin (the default), token, or haproxy for the
// real thing.
let shared;
let count = 0;
export async function startForSuite(options) {
  shared ??= (process.env.STAMPEDE_DATABASE_KIND === 'citus' ? Citus : Postgres).start();
  const mode = process.env.STAMPEDE_SPREAD ?? 'round_robin';
  const front = mode === 'haproxy' ? startHaproxy : (where) => Spreader.start({ ...where, mode });
  return Cluster.start({
    ...options, databases: [await shared], databaseName: `suite${count += 1}`, nats: await Nats.start(), front,
  });
}
