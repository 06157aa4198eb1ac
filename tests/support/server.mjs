// Starts the program under test with a data directory of its own on a free port of this machine,
// stops it politely or with kill -9, and starts it again on the same data and address. With
// STAMPEDE_PROFILE=cluster, Server.start gives a cluster (cluster.mjs) that looks the same from outside.
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Daemon, freePort, removeFolder, temporaryFolder } from './daemon.mjs';
import { eventually } from './eventually.mjs';
import { watch } from './replies.mjs';

export { freePort };

export const top = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const binary = process.env.STAMPEDE_BINARY ?? path.join(top, 'build/release/stampede');
const execute = promisify(execFile);

// Runs a command of the program to its end; rejects with its standard error when it fails.
export async function run(args, env = {}) {
  const { stdout } = await execute(binary, args, { env: { ...process.env, ...env } });
  return stdout;
}

export const passwordOf = (name) => `${name}-has-a-password`;
export const emailOf = (name) => `${name}@example.org`;

// What all servers of tests have in common.
export const testSettings = {
  STAMPEDE_METRICS_LISTEN: '127.0.0.1:0',
  STAMPEDE_RATE_LIMIT_PERCENT: '0',
  STAMPEDE_LOG_LEVEL: 'warn',
  STAMPEDE_CONTACT_EMAIL: 'operator@example.org',
};

export async function createUser(name, dataDir, env) {
  await run(['user', 'create', name, '--email', emailOf(name), '--password', passwordOf(name),
    '--confirmed', '--data', dataDir], env);
}

// One `stampede serve`.
export class ServerProcess extends Daemon {
  constructor({ dataDir, port, env, args = [] }) {
    super(binary, ['serve', '--data', dataDir, '--listen', `127.0.0.1:${port}`, ...args],
      { env: { ...process.env, ...env } });
    Object.assign(this, { dataDir, port, env, address: `http://127.0.0.1:${port}` });
  }

  async launch() {
    super.launch();
    await this.waitUntilHealthy();
    this.assertAlive();
  }

  async waitUntilHealthy(timeoutMs = 20_000) {
    await eventually(async () => {
      if (!this.alive) return;
      const reply = await fetch(`${this.address}/health`);
      if (!reply.ok) throw new Error(`/health answers ${reply.status}`);
    }, { timeoutMs });
  }

  // SIGTERM, and the exit code.
  stop() { return this.end('SIGTERM'); }

  // kill -9.
  kill() { return this.end('SIGKILL'); }

  // Resident memory of the process in bytes.
  rssBytes() { return Number(/^(\d+) kB/.exec(this.kernelSays('VmRSS'))[1]) * 1024; }

  // A line of /proc/PID/status (proc(5)); undefined where the kernel has none.
  kernelSays(name) {
    const status = fs.readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(status)?.[1];
  }
}

export class Server extends ServerProcess {
  // `users` are created before the first start, with passwordOf(name) and emailOf(name).
  static async start(options = {}) {
    if (process.env.STAMPEDE_PROFILE === 'cluster') {
      const { startForSuite } = await import('./cluster.mjs');
      return startForSuite(options);
    }
    const { users = [], env = {}, args = [] } = options;
    const dataDir = temporaryFolder('test');
    const port = await freePort();
    const server = new Server({
      dataDir, port, args,
      env: {
        STAMPEDE_BASE_URL: `http://127.0.0.1:${port}`, ...testSettings,
        STAMPEDE_METRICS_LISTEN: `127.0.0.1:${await freePort()}`, ...env,
      },
    });
    server.url = server.address;
    watch(server.url);
    for (const name of users) await server.createUser(name);
    await server.launch();
    return server;
  }

  // The store belongs to one process: only while the server is not running.
  createUser(name) { return createUser(name, this.dataDir, this.env); }

  async close() {
    if (this.alive) await this.stop();
    removeFolder(this.dataDir);
  }
}
