// Starts the program under test with a data directory of its own on a free port of this machine,
// stops it politely or with kill -9, and starts it again on the same data and address.
import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { eventually } from './eventually.mjs';
import { watch } from './replies.mjs';

const top = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const binary = process.env.STAMPEDE_BINARY ?? path.join(top, 'build/release/stampede');
const execute = promisify(execFile);

export async function freePort() {
  const listener = net.createServer();
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address();
  await new Promise((resolve) => listener.close(resolve));
  return port;
}

// Runs a command of the program to its end; rejects with its standard error when it fails.
export async function run(args, env = {}) {
  const { stdout } = await execute(binary, args, { env: { ...process.env, ...env } });
  return stdout;
}

export const passwordOf = (name) => `${name}-has-a-password`;
export const emailOf = (name) => `${name}@example.org`;

export class Server {
  static #running = new Set();

  // `users` are created before the first start, with passwordOf(name) and emailOf(name).
  static async start({ users = [], env = {}, args = [] } = {}) {
    const server = new Server();
    server.dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'stampede-test-'));
    server.port = await freePort();
    server.url = `http://127.0.0.1:${server.port}`;
    server.args = args;
    server.env = {
      STAMPEDE_BASE_URL: server.url,
      STAMPEDE_METRICS_LISTEN: `127.0.0.1:${await freePort()}`,
      STAMPEDE_RATE_LIMIT_PERCENT: '0',
      STAMPEDE_LOG_LEVEL: 'warn',
      STAMPEDE_CONTACT_EMAIL: 'operator@example.org',
      ...env,
    };
    watch(server.url);
    for (const name of users) await server.createUser(name);
    await server.launch();
    return server;
  }

  // The store belongs to one process: only while the server is not running.
  async createUser(name) {
    await run(['user', 'create', name, '--email', emailOf(name), '--password', passwordOf(name),
      '--confirmed', '--data', this.dataDir], this.env);
  }

  async launch() {
    this.log ??= '';
    this.process = spawn(binary,
      ['serve', '--data', this.dataDir, '--listen', `127.0.0.1:${this.port}`, ...this.args],
      { env: { ...process.env, ...this.env }, stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (chunk) => { this.log = (this.log + chunk).slice(-100_000); };
    this.process.stdout.on('data', keep);
    this.process.stderr.on('data', keep);
    this.ended = new Promise((resolve) => {
      this.process.once('exit', (code, signal) => resolve({ code, signal }));
      this.process.once('error', (error) => { keep(String(error)); resolve({ code: -1 }); });
    });
    Server.#running.add(this);
    let gone = null;
    this.ended.then((how) => { gone = how; Server.#running.delete(this); });
    await eventually(async () => {
      if (gone) return;
      const reply = await fetch(`${this.url}/health`);
      if (!reply.ok) throw new Error(`/health answers ${reply.status}`);
    }, { timeoutMs: 20_000 });
    if (gone) {
      throw new Error(`the server ended at its start (${JSON.stringify(gone)}):\n${this.log}`);
    }
  }

  get alive() {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  // SIGTERM, and the exit code.
  async stop() {
    this.process.kill('SIGTERM');
    const { code } = await this.ended;
    return code;
  }

  // kill -9.
  async kill() {
    this.process.kill('SIGKILL');
    await this.ended;
  }

  async close() {
    if (this.alive) await this.stop();
    fs.rmSync(this.dataDir, { recursive: true, force: true });
  }

  // Resident memory of the process in bytes.
  rssBytes() {
    const status = fs.readFileSync(`/proc/${this.process.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)[1]) * 1024;
  }

  static killAll() {
    for (const server of Server.#running) server.process.kill('SIGKILL');
  }
}

process.on('exit', () => Server.killAll());
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
