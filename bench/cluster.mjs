// Measures what a post, a delivery and a home page cost in CPU time when 1, 2 and 4 servers share PostgreSQL and
// NATS; docs/performance.md, "Across nodes", tells how and shows the numbers. Started by bench/cluster:
//   --graph DIR        the graph of follows, as `stampede bench` loads it
//   --nodes 1,2,4      clusters of so many servers, which take turns
//   --add              keep the runs that were measured before; of all runs the medians are shown
//   --report           measure nothing, write the document again
//   --no-document      measure, and leave the document and its chart as they are
//   --wait             when all is loaded, wait for a line on standard input: the machine should be quiet then
// Nothing is written when a request failed, a delivery is missing, or a home is not what the graph says.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { promisify, parseArgs } from 'node:util';
import { Daemon, freePort, removeFolder, temporaryFolder } from '../tests/support/daemon.mjs';
import { eventually } from '../tests/support/eventually.mjs';
import { newestFirst } from '../tests/support/load.mjs';
import { Nats } from '../tests/support/nats.mjs';
import { databaseUrl, Postgres } from '../tests/support/postgres.mjs';
import { run, ServerProcess, testSettings, top } from '../tests/support/server.mjs';
import { drawChart, medians, replaceSection, tableOf } from './cluster_costs.mjs';
import { Crowd, Echo, mix, offer, World } from './cluster_load.mjs';

const execute = promisify(execFile);
const TICKS_PER_S = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
// Processors: one for what all servers share and for the load, one for all servers.
const SHARED_CPU = 0;
const SERVERS_CPU = 1;
const POSTGRES = { shared_buffers: '2GB', max_wal_size: '8GB', checkpoint_timeout: '30min', autovacuum_naptime: '1min' };
const SERVER = { STAMPEDE_DATABASE_POOL: '8', STAMPEDE_FEEDS_MB: '1024', STAMPEDE_RECORD_CACHE_MB: '256' };

const AUTHORS = 30;  // of either kind
// Of each server: a busy one does more between two times it sleeps, so only servers with as much to do compare.
const POSTS_PER_S = 100;
const PAGES_PER_S = 100;
// Events of a server that is not there, announced to all.
const EVENTS_PER_S = 3000;
const EVENTS_S = 4;
const IDLE_S = 8;
// Kinds of load and clusters take turns, so that whatever else changes in time falls on all of them.
const ROUNDS = 3;
const secondsOf = (nodes) => 3 + 4 / nodes;  // of a turn
const WARM_PAGES_S = 4;
const HOMES_CHECKED = 40;
const PAGE = 40;
// After the last delivery: outbox rows are erased, NATS acknowledges.
const SETTLE_MS = 1200;

const results = path.join(top, 'build/bench/cluster.json');
const document = path.join(top, 'docs/performance.md');
const chart = path.join(top, 'docs/performance/cluster.png');

const say = (text) => process.stderr.write(`· ${text}\n`);
const lasting = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

// What `start` starts runs on that processor only: processes inherit it from this one.
async function on(cpu, start) {
  const pin = (to) => execute('taskset', ['-pc', String(to), String(process.pid)]);
  await pin(cpu);
  try {
    return await start();
  } finally {
    await pin(SHARED_CPU);
  }
}

// Keeps a processor awake with what runs only when nobody else does (sched(7), SCHED_IDLE). Falling asleep and waking up
// takes CPU time, in a virtual machine much of it, and the less there is to do, the more often it happens: then a
// post would seem cheaper wherever there are more of them.
const keepAwake = (cpu) => on(cpu, async () => new Daemon('chrt', ['--idle', '0', 'sh', '-c', 'while :; do :; done']).launch());

// Clock ticks of CPU, user and system: of a process itself, and of its children that have ended.
function ticksOf(pid) {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ').map(Number);
  return { own: fields[11] + fields[12], ended: fields[13] + fields[14] };
}

const cpuOf = (pid) => ticksOf(pid).own / TICKS_PER_S;

// Of a process and all its children. Looks again when one has ended meanwhile: it would count twice, or not at all.
async function cpuOfFamily(pid) {
  return eventually(() => {
    const before = ticksOf(pid);
    const children = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
    const living = children.reduce((total, id) => total + ticksOf(id).own, 0);
    assert.equal(ticksOf(pid).ended, before.ended);
    return (before.own + before.ended + living) / TICKS_PER_S;
  });
}

// Numbers, or lists and objects of them, added up.
function sumOf(a, b) {
  if (a === undefined || typeof a === 'number') return a === undefined ? b : a + b;
  const sums = Object.keys(a).map((key) => [key, sumOf(a[key], b[key])]);
  return Array.isArray(a) ? sums.map(([, value]) => value) : Object.fromEntries(sums);
}

// A world in a database of its own, as a template.
async function fillDatabase(postgres, graph) {
  await postgres.createDatabase('graph');
  const to = databaseUrl([postgres], 'graph');
  const env = { STAMPEDE_DATABASE: to };
  await run(['store', 'init'], env);
  await run(['store', 'copy', '--from', graph, '--to', to, '--source-stopped'], env);
  await postgres.query('vacuum (freeze, analyze)', 'graph');
  return sizesOf(postgres);
}

// Bytes on disk of an account (with its user, names, token, counters), a follow and a post: those of the tables and
// their indexes, shared out by the bytes of rows. The third byte of a key says what a row is of; see the keys.h of rooms.
async function sizesOf(postgres) {
  const bytes = Number(await postgres.query("select pg_total_relation_size('kv')", 'graph'));
  const tables = (await postgres.query(`select get_byte(key, 2), count(*), sum(pg_column_size(kv.*) + pg_column_size(key))
    from kv group by 1 order by 1`, 'graph')).split('\n').map((line) => line.split('|').map(Number));
  const all = tables.reduce((total, [, , size]) => total + size, 0);
  const of = (kind, first, last, one) => {
    const within = tables.filter(([table]) => table >= first && table <= last);
    const sum = (column) => within.reduce((total, row) => total + row[column], 0);
    const count = tables.find(([table]) => table === one)[1];
    return { kind, count, rows: sum(1) / count, bytes: bytes * sum(2) / all / count };
  };
  return { bytes, units: [of('account', 0x10, 0x1d, 0x10), of('follow', 0x20, 0x22, 0x20), of('post', 0x30, 0x36, 0x30)] };
}

// A cluster of so many servers and what is measured on it.
class Bench {
  static async start({ nodes, postgres, graph }) {
    const bench = new Bench();
    const databaseName = `nodes${nodes}`;
    await postgres.query(`create database ${databaseName} template graph`);
    Object.assign(bench, { phases: {}, postgres, databaseName, nats: await Nats.start(), folder: temporaryFolder('bench') });
    const env = {
      ...testSettings, ...SERVER, STAMPEDE_BASE_URL: 'http://localhost', STAMPEDE_EVENTS: bench.nats.url,
      STAMPEDE_DATABASE: databaseUrl([postgres], databaseName),
    };
    bench.nodes = [];
    for (let i = 0; i < nodes; i += 1) {
      const metrics = `127.0.0.1:${await freePort()}`;
      const node = new ServerProcess({ dataDir: bench.folder, port: await freePort(), env: { ...env, STAMPEDE_METRICS_LISTEN: metrics } });
      node.metrics = metrics;
      await on(SERVERS_CPU, () => node.launch());
      bench.nodes.push(node);
    }
    bench.world = new World(graph);
    bench.crowd = new Crowd(bench.world, bench.nodes);
    bench.echo = await Echo.start(bench.nats.nodes[0].port);
    bench.acknowledged = [];  // {id, author}
    return bench;
  }

  async close() {
    this.crowd.close();
    this.echo.close();
    await Promise.all(this.nodes.map((node) => node.stop()));
    await this.nats.close();
    removeFolder(this.folder);
  }

  // Metrics of a node by name, summed over labels.
  async #metricsOf(node) {
    const values = {};
    for (const line of (await (await fetch(`http://${node.metrics}/metrics`)).text()).split('\n')) {
      const [, name, value] = /^(\w+)(?:\{.*\})? (\S+)$/.exec(line) ?? [];
      if (name) values[name] = (values[name] ?? 0) + Number(value);
    }
    return values;
  }

  async #sample() {
    const metrics = await Promise.all(this.nodes.map((node) => this.#metricsOf(node)));
    const wal = Number(await this.postgres.query("select pg_current_wal_lsn() - '0/0'"));
    return {
      at: performance.now(), wal,
      servers: this.nodes.map((node, i) => ({
        cpu: cpuOf(node.pid), deliveries: metrics[i].feed_deliveries_total, heard: metrics[i].stampede_events_heard_total ?? 0,
        commits: metrics[i].stampede_store_commits_total, trips: metrics[i].stampede_store_round_trips_total,
      })),
      database: await cpuOfFamily(this.postgres.daemon.pid),
      nats: cpuOf(this.nats.nodes[0].daemon.pid),
      load: cpuOf(process.pid),
    };
  }

  // Adds what was used while `work` ran, which returns the number of units, to what is known of this phase.
  async #phase(name, work) {
    const before = await this.#sample();
    const units = await work();
    const after = await this.#sample();
    const less = (a, b) => Object.fromEntries(Object.keys(a).map((key) => [key, a[key] - b[key]]));
    const { at, servers, ...rest } = after;
    const phase = {
      seconds: (at - before.at) / 1000, units, servers: servers.map((server, i) => less(server, before.servers[i])),
      ...less(rest, Object.fromEntries(Object.keys(rest).map((key) => [key, before[key]]))),
    };
    const used = phase.servers.map((server) => server.cpu.toFixed(2)).join(' + ');
    say(`${this.nodes.length} × ${name}: ${units} in ${phase.seconds.toFixed(1)} s; CPU s: servers ${used}, PostgreSQL ${phase.database.toFixed(2)}, `
      + `NATS ${phase.nats.toFixed(2)}, load ${phase.load.toFixed(2)}`);
    this.phases[name] = sumOf(this.phases[name], phase);
  }

  async #sumOf(metric) {
    const all = await Promise.all(this.nodes.map((node) => this.#metricsOf(node)));
    return all.reduce((total, one) => total + (one[metric] ?? 0), 0);
  }

  // Everybody reads once, at home: all feeds are resident, each on one server.
  async warm() {
    const everybody = Array.from({ length: this.world.accounts }, (_, position) => position);
    await this.crowd.each(everybody, 16, (position) => this.crowd.readHome(position));
    assert.equal(await this.#sumOf('feed_resident'), everybody.length, 'feeds in memory');
  }

  // Those with most followers and those with fewest: the former have the first positions.
  async findAuthors() {
    const accountOf = async (position) => {
      const account = JSON.parse(await this.crowd.ask(position, 'GET', '/api/v1/accounts/verify_credentials'));
      return { position, id: account.id, followers: account.followers_count };
    };
    const numbers = Array.from({ length: AUTHORS }, (_, i) => i);
    this.many = await Promise.all(numbers.map(accountOf));
    this.few = await Promise.all(numbers.map((i) => accountOf(this.world.accounts - 2 - i)));
  }

  async #postFrom(authors, perS) {
    const seconds = secondsOf(this.nodes.length);
    const wanted = await this.#sumOf('feed_deliveries_total');
    let deliveries = 0;
    await offer({
      perS, seconds,
      send: async (number) => {
        const author = authors[number % authors.length];
        const id = await this.crowd.post(author.position, `The ${number}th thing that ${author.position} has to say today, of no weight at all.`);
        this.acknowledged.push({ id, author: author.id });
        deliveries += author.followers + 1;
      },
    });
    await eventually(async () => {
      assert.equal(await this.#sumOf('feed_deliveries_total') - wanted, deliveries, 'deliveries');
    }, { timeoutMs: 20_000, pauseMs: 100 });
    await lasting(SETTLE_MS);
    return Math.round(perS * seconds);
  }

  async #flood() {
    const count = EVENTS_PER_S * EVENTS_S;
    const wanted = await this.#sumOf('stampede_events_heard_total') + count * this.nodes.length;
    await offer({ perS: EVENTS_PER_S, seconds: EVENTS_S, send: () => this.echo.send() });
    await eventually(async () => { assert.equal(await this.#sumOf('stampede_events_heard_total'), wanted, 'events heard'); });
    await lasting(SETTLE_MS);
    return count;
  }

  // The same readers in every cluster.
  async #read(seconds) {
    const first = this.pagesRead ?? 0;
    const reader = (number) => Number(mix(BigInt(1e9 + first + number)) % BigInt(this.world.accounts));
    const perS = PAGES_PER_S * this.nodes.length;
    const pages = Math.round(perS * seconds);
    await offer({ perS, seconds, send: (number) => this.crowd.readHome(reader(number)) });
    this.pagesRead = first + pages;
    return pages;
  }

  idle() {
    return this.#phase('idle', async () => { await lasting(IDLE_S * 1000); return 0; });
  }

  // Posts to `few` or to `many`; `away`: to few, all by members of the first server, so many that the others hear as
  // many as they do of `few`.
  async posts(name) {
    const nodes = this.nodes.length;
    const authors = {
      few: this.few, many: this.many, away: this.few.filter(({ position }) => this.crowd.homes[position] === 0),
    }[name];
    const before = await this.#databaseBytes();
    this.echo.hearing = name === 'few';
    await this.#phase(name, () => this.#postFrom(authors, POSTS_PER_S * (name === 'away' ? nodes - 1 : nodes)));
    this.echo.hearing = false;
    this.bytesOfPosts = (this.bytesOfPosts ?? 0) + await this.#databaseBytes() - before;
  }

  flood() { return this.#phase('flood', () => this.#flood()); }

  warmPages() { return this.#read(WARM_PAGES_S); }

  pages() { return this.#phase('read', () => this.#read(secondsOf(this.nodes.length))); }

  async #databaseBytes() {
    return Number(await this.postgres.query(`select pg_database_size('${this.databaseName}')`));
  }

  // The newest entries of sampled homes are those that the graph and the acknowledged posts say.
  async verify() {
    for (let i = 0; i < HOMES_CHECKED; i += 1) {
      const position = Number(mix(BigInt(i + 1)) % BigInt(this.world.accounts));
      const get = async (target) => JSON.parse(await this.crowd.ask(position, 'GET', target));
      const me = await get('/api/v1/accounts/verify_credentials');
      const followed = await get(`/api/v1/accounts/${me.id}/following?limit=80`);
      assert.equal(followed.length, this.world.follows + 1, `whom ${me.username} follows`);
      const seen = new Set([me.id, ...followed.map(({ id }) => id)]);
      const expected = newestFirst(this.acknowledged.filter(({ author }) => seen.has(author)).map(({ id }) => id)).slice(0, PAGE);
      const home = (await get(`/api/v1/timelines/home?limit=${PAGE}`)).map(({ id }) => id);
      assert.deepEqual(home.slice(0, expected.length), expected, `the home of ${me.username}`);
    }
  }
}

// All clusters, which take turns; the one that begins is another in each round.
async function measure(benches) {
  await lasting(SETTLE_MS * 2);
  await Promise.all(benches.map((bench) => bench.idle()));
  for (let round = 0; round < ROUNDS; round += 1) {
    const kinds = ['few', 'many', 'away'];
    for (const kind of round % 2 ? kinds.reverse() : kinds) {
      for (const bench of turned(benches, round)) {
        if (kind !== 'away' || bench.nodes.length > 1) await bench.posts(kind);
      }
    }
  }
  for (const bench of benches) await bench.flood();
  for (const bench of benches) await bench.warmPages();
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const bench of turned(benches, round)) await bench.pages();
  }
  return benches.map(({ nodes, phases, bytesOfPosts }) => ({ nodes: nodes.length, phases, bytesOfPosts }));
}

const turned = (list, by) => list.map((_, i) => list[(i + by) % list.length]);

// The section's text around the table.
function sectionOf({ world, runs }, costs) {
  const meanOf = (name) => {
    const phases = runs.map((one) => one.phases[name]);
    const deliveries = phases.flatMap(({ servers }) => servers).reduce((total, server) => total + server.deliveries, 0);
    return (deliveries / phases.reduce((total, { units }) => total + units, 0)).toFixed(0);
  };
  const counts = [...costs].map(([nodes, { runs: count }]) => `${count} with ${nodes}`).join(', ');
  return `${tableOf(costs)}

${world.accounts.toLocaleString('en')} members, all with feeds in memory; posts to few go to ${meanOf('few')} feeds, posts to many to ${meanOf('many')}. `
    + `Each server takes ${POSTS_PER_S} posts/s, then ${PAGES_PER_S} pages/s. Medians of runs: ${counts}.

![CPU time by number of servers](performance/cluster.png)
`;
}

// Starts everything, measures, compares, stops everything. Returns the runs, and the sizes of things in the database.
async function measureAll({ nodes, graph, wait }) {
  const postgres = await on(SHARED_CPU, () => Postgres.start({ durable: true, settings: POSTGRES }));
  const benches = [];
  try {
    say('the graph, into PostgreSQL');
    const sizes = await fillDatabase(postgres, graph);
    for (const count of nodes) {
      say(`${count} server${count === 1 ? '' : 's'}: every home is read once`);
      const bench = await Bench.start({ nodes: count, postgres, graph });
      benches.push(bench);
      await bench.warm();
      await bench.findAuthors();
    }
    await postgres.query('checkpoint');
    if (wait) {
      say('waiting for a line');
      await once(process.stdin, 'data');
      process.stdin.destroy();
    }
    const awake = [await keepAwake(SHARED_CPU), await keepAwake(SERVERS_CPU)];
    const runs = await measure(benches);
    await Promise.all(awake.map((daemon) => daemon.end('SIGKILL')));
    say('measured');
    for (const bench of benches) await bench.verify();
    return { runs, sizes };
  } catch (error) {
    for (const node of benches.flatMap((bench) => bench.nodes)) if (node.log) say(node.log.slice(-2000));
    throw error;
  } finally {
    await Promise.all(benches.map((bench) => bench.close()));
    await postgres.close();
  }
}

const { values: options } = parseArgs({
  options: {
    graph: { type: 'string' }, nodes: { type: 'string', default: '1,2,4' }, add: { type: 'boolean', default: false },
    report: { type: 'boolean', default: false }, 'no-document': { type: 'boolean', default: false },
    wait: { type: 'boolean', default: false },
  },
});

const graph = path.resolve(options.graph);
const { description, accounts, follows } = new World(graph);
let report = { world: { description, accounts, follows }, runs: [] };
if (options.add || options.report) {
  report = JSON.parse(fs.readFileSync(results, 'utf8'));
  assert.equal(report.world.description, description, 'the runs before are of another graph');
}
if (!options.report) {
  const { runs, sizes } = await measureAll({ nodes: options.nodes.split(',').map(Number), graph, wait: options.wait });
  Object.assign(report, { runs: [...report.runs, ...runs], sizes });
}
const costs = medians(report.runs);
report.costs = Object.fromEntries(costs);
fs.mkdirSync(path.dirname(results), { recursive: true });
fs.writeFileSync(results, `${JSON.stringify(report, null, 1)}\n`);
process.stdout.write(`${tableOf(costs)}\n`);
if (!options['no-document']) {
  drawChart(costs, chart);
  fs.writeFileSync(document, replaceSection(fs.readFileSync(document, 'utf8'), 'across nodes', sectionOf(report, costs)));
}
