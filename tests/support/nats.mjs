// NATS with JetStream for tests: one server or a cluster of three, each killed, stopped and started again
// on its own or all together.
import fs from 'node:fs';
import path from 'node:path';
import { Daemon, freePorts, removeFolder, temporaryFolder } from './daemon.mjs';
import { eventually } from './eventually.mjs';

const BINARY = process.env.STAMPEDE_NATS_SERVER ?? 'nats-server';

const configuration = (node, nodes) => `
server_name: ${node.name}
listen: 127.0.0.1:${node.port}
http: 127.0.0.1:${node.httpPort}
jetstream { store_dir: "${node.folder}", max_memory_store: 64MB, max_file_store: 2GB }
${nodes.length === 1 ? '' : `cluster {
  name: stampede
  listen: 127.0.0.1:${node.clusterPort}
  routes: [${nodes.map((other) => `"nats://127.0.0.1:${other.clusterPort}"`).join(', ')}]
}`}`;

export class Nats {
  static async start({ nodes = 1 } = {}) {
    const nats = new Nats();
    nats.folder = temporaryFolder('nats');
    const ports = await freePorts(3 * nodes);
    nats.nodes = Array.from({ length: nodes }, (_, i) => ({
      name: `nats${i + 1}`, folder: path.join(nats.folder, `${i + 1}`),
      port: ports[3 * i], httpPort: ports[3 * i + 1], clusterPort: ports[3 * i + 2],
    }));
    for (const node of nats.nodes) {
      const file = path.join(nats.folder, `${node.name}.conf`);
      fs.writeFileSync(file, configuration(node, nats.nodes));
      node.daemon = new Daemon(BINARY, ['-c', file]);
    }
    await nats.launch();
    return nats;
  }

  get url() { return this.nodes.map((node) => `nats://127.0.0.1:${node.port}`).join(','); }

  // Starts those that do not run; returns when JetStream answers on all of them. That can take the time in
  // which Stampede finds out that nobody leads its stream.
  async launch() {
    for (const node of this.nodes) if (!node.daemon.alive) node.daemon.launch();
    for (const node of this.nodes) {
      await eventually(async () => {
        if (!node.daemon.alive) return;
        const { status } = await fetch(`http://127.0.0.1:${node.httpPort}/healthz`);
        if (status !== 200) throw new Error(`${node.name}: /healthz answers ${status}`);
      }, { timeoutMs: 90_000, pauseMs: 100 });
      node.daemon.assertAlive();
    }
  }

  // What each server says of itself, for the one who reads a failed test.
  async describe() {
    const ask = async (node, what) => {
      try {
        const answer = await fetch(`http://127.0.0.1:${node.httpPort}/${what}`, { signal: AbortSignal.timeout(2000) });
        return JSON.stringify(await answer.json());
      } catch (error) {
        return String(error);
      }
    };
    const all = this.nodes.map(async (node) => `${node.name}, healthz ${await ask(node, 'healthz')}\n`
      + `${await ask(node, 'jsz?streams=1&consumers=1&raft=1')}\n${node.daemon.log.slice(-3000)}`);
    return (await Promise.all(all)).join('\n');
  }

  kill(index) { return this.nodes[index].daemon.end('SIGKILL'); }
  async killAll() { await Promise.all(this.nodes.map((_, index) => this.kill(index))); }

  async close() {
    await this.killAll();
    removeFolder(this.folder);
  }
}
