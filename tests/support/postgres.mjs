// PostgreSQL 15 for tests: a server of its own in a temporary directory on a free port of this machine, a
// standby that follows it, promotion, kill -9 and restart. As root the server runs as the user `postgres`.
import { execFile, execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { Daemon, freePort, removeFolder, temporaryFolder } from './daemon.mjs';
import { eventually } from './eventually.mjs';

const execute = promisify(execFile);
const BIN = process.env.STAMPEDE_POSTGRES_BIN ?? '/usr/lib/postgresql/15/bin';
const USER = 'stampede';

function idsOf(user) {
  const number = (flag) => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }));
  return { uid: number('-u'), gid: number('-g') };
}
const owner = process.getuid() === 0 ? idsOf('postgres') : {};

const tool = (name, args) => execute(path.join(BIN, name), args, { ...owner, cwd: '/' });

const SMALL = {
  listen_addresses: '127.0.0.1', unix_socket_directories: '', max_connections: 200, shared_buffers: '64MB',
  max_wal_senders: 8, wal_keep_size: '256MB', wal_retrieve_retry_interval: '500ms', log_min_messages: 'warning',
  autovacuum_naptime: '10s',
};

export class Postgres {
  // `durable`: with fsync, which only a crash of the machine asks for; without it commits are faster. `settings`
  // are those of postgresql.conf.
  static async start({ durable = false, port, settings } = {}) {
    const postgres = new Postgres();
    postgres.settings = settings;
    await postgres.#place(durable, port);
    await tool('initdb', ['-D', postgres.data, '-U', USER, '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']);
    fs.appendFileSync(path.join(postgres.data, 'postgresql.conf'), "include_if_exists = 'synchronous.conf'\n");
    await postgres.launch();
    return postgres;
  }

  async #place(durable, port) {
    this.folder = temporaryFolder('postgres');
    if (owner.uid) fs.chownSync(this.folder, owner.uid, owner.gid);
    this.data = path.join(this.folder, 'data');
    this.port = port ?? await freePort();
    this.durable = durable;
  }

  async launch() {
    const all = { ...SMALL, port: this.port, fsync: this.durable ? 'on' : 'off', ...this.settings };
    const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    this.daemon ??= new Daemon(path.join(BIN, 'postgres'), ['-D', this.data, ...flags], { ...owner, cwd: '/' }, 'SIGQUIT');
    this.daemon.launch();
    await eventually(async () => {
      if (this.daemon.alive) await tool('pg_isready', ['-q', '-h', '127.0.0.1', '-p', String(this.port)]);
    }, { timeoutMs: 30_000, pauseMs: 50 });
    this.daemon.assertAlive();
  }

  get address() { return `127.0.0.1:${this.port}`; }

  // What a statement prints, one row a line, columns separated by |.
  async query(sql, database = 'postgres') {
    const { stdout } = await tool('psql', ['-h', '127.0.0.1', '-p', String(this.port), '-U', USER, '-d', database,
      '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-c', sql]);
    return stdout.trim();
  }

  async createDatabase(name) {
    await this.query(`create database ${name}`);
  }

  // A standby that follows this server; commits are acknowledged from now on when it has them too.
  async startStandby({ port } = {}) {
    const standby = new Postgres();
    await standby.#place(this.durable, port);
    standby.settings = { cluster_name: 'standby' };
    await tool('pg_basebackup', ['-D', standby.data, '-d', `host=127.0.0.1 port=${this.port} user=${USER}`,
      '-R', '-X', 'stream', '--checkpoint=fast', '--no-sync']);
    await standby.launch();
    fs.writeFileSync(path.join(this.data, 'synchronous.conf'), "synchronous_standby_names = 'standby'\n");
    await this.query('select pg_reload_conf()');
    await this.waitForStandby();
    return standby;
  }

  // Until the standby confirms commits.
  async waitForStandby() {
    await eventually(async () => {
      const state = await this.query("select sync_state from pg_stat_replication where application_name = 'standby'");
      if (state !== 'sync') throw new Error(`the standby is ${state || 'not connected'}`);
    }, { timeoutMs: 30_000, pauseMs: 50 });
  }

  // The standby becomes a primary.
  async promote() {
    await tool('pg_ctl', ['promote', '-D', this.data, '-w', '-s']);
  }

  promoteCommand() {
    return `${owner.uid ? 'setpriv --reuid=postgres --regid=postgres --clear-groups ' : ''}`
      + `${BIN}/pg_ctl promote -D ${this.data}`;
  }

  // kill -9 of every process of the server. Returns when all are gone, so that it can start again.
  async kill() {
    const children = processesOf(this.daemon.pid);
    await this.daemon.end('SIGKILL');
    for (const pid of children) killIfThere(pid);
    await eventually(() => {
      if (children.some((pid) => isRunning(pid))) throw new Error('processes of PostgreSQL are still there');
    });
  }

  // A fast shutdown: open transactions are rolled back.
  async stop() { return this.daemon.end('SIGINT'); }

  async close() {
    if (this.daemon.alive) await this.daemon.end('SIGQUIT');
    removeFolder(this.folder);
  }
}

// The connection string of Stampede: whichever of the servers takes writes.
export const databaseUrl = (servers, database) =>
  `postgresql://${USER}@${servers.map((server) => server.address).join(',')}/${database}`;

const stateOf = (pid) => {
  try {
    return fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
  } catch {
    return null;
  }
};
const isRunning = (pid) => !['Z', undefined].includes(stateOf(pid)?.[0]);
const processesOf = (parent) => fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  .map(Number).filter((pid) => Number(stateOf(pid)?.[1]) === parent);
function killIfThere(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}
