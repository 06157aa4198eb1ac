// A program that runs beside a test: started, signalled by its own process id, and gone when the test is,
// whatever happens. Everything that tests start and leave running is one of these.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

export async function freePort() {
  const listener = net.createServer();
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address();
  await new Promise((resolve) => listener.close(resolve));
  return port;
}

export async function freePorts(count) {
  return Promise.all(Array.from({ length: count }, freePort));
}

const folders = new Set();

// A directory that is removed when the test ends.
export function temporaryFolder(name) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), `stampede-${name}-`));
  folders.add(folder);
  return folder;
}

export function removeFolder(folder) {
  fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  folders.delete(folder);
}

export class Daemon {
  static #running = new Set();

  // `options` are those of child_process.spawn: env, uid, gid. `lastSignal` ends it when the test ends.
  constructor(command, args, options = {}, lastSignal = 'SIGKILL') {
    this.command = command;
    this.args = args;
    this.options = options;
    this.lastSignal = lastSignal;
    this.log = '';  // of all its lives; the end of it
  }

  launch() {
    // Also when this process is killed itself (prctl(2), PR_SET_PDEATHSIG).
    const tied = ['--pdeathsig', this.lastSignal.slice(3), '--', this.command, ...this.args];
    this.process = spawn('setpriv', tied, { ...this.options, stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (chunk) => { this.log = (this.log + chunk).slice(-100_000); };
    this.process.stdout.on('data', keep);
    this.process.stderr.on('data', keep);
    this.ended = new Promise((resolve) => {
      this.process.once('exit', (code, signal) => resolve({ code, signal }));
      this.process.once('error', (error) => { keep(String(error)); resolve({ code: -1 }); });
    });
    // A test that fails before it stops this shall end all the same; then this is killed.
    for (const handle of [this.process, this.process.stdout, this.process.stderr]) handle.unref();
    this.gone = null;
    Daemon.#running.add(this);
    this.ended.then((how) => { this.gone = how; Daemon.#running.delete(this); });
    return this;
  }

  get alive() { return this.process !== undefined && this.gone === null; }
  get pid() { return this.process.pid; }

  // Throws when the program ended although it should run.
  assertAlive() {
    if (!this.alive) throw new Error(`${this.command} ended (${JSON.stringify(this.gone)}):\n${this.log}`);
  }

  signal(name) { if (this.alive) this.process.kill(name); }

  // Sends the signal and waits for the end; returns the exit code.
  async end(signal = 'SIGTERM') {
    this.process.ref();
    this.signal(signal);
    return (await this.ended).code;
  }

  static killAll() {
    for (const daemon of Daemon.#running) daemon.process.kill(daemon.lastSignal);
    for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
}

process.on('exit', () => Daemon.killAll());
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
