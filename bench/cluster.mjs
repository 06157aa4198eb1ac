// Measures what a post, a delivery and a home page cost in CPU time when 1, 2 and 4 servers share PostgreSQL and
// NATS; docs/performance.md, "Across nodes", tells how and shows the numbers. Started by bench/cluster:
//   --graph DIR        the graph of follows, as `stampede bench` loads it
//   --nodes 1,2,4      numbers of servers, measured one after the other
//   --add              keep the runs that were measured before; of all runs the medians are shown
//   --no-document      measure, and leave the document and its chart as they are
// Nothing is written when a request failed, a delivery is missing, or a home is not what the graph says.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify, parseArgs } from 'node:util';
import { freePort, removeFolder, temporaryFolder } from '../tests/support/daemon.mjs';
import { eventually } from '../tests/support/eventually.mjs';
import { newestFirst } from '../tests/support/load.mjs';
import { Nats } from '../tests/support/nats.mjs';
import { databaseUrl, Postgres } from '../tests/support/postgres.mjs';
import { run, ServerProcess, testSettings, top } from '../tests/support/server.mjs';
import { drawChart, medians, replaceSection, tableOf } from './cluster_costs.mjs';
import { Crowd, mix, World } from './cluster_load.mjs';

const execute = promisify(execFile);
const TICKS_PER_S = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
// Processors: one for what all servers share and for the load, one for all servers.
const SHARED_CPU = 0;
const SERVERS_CPU = 1;
const POSTGRES = { shared_buffers: '1GB', max_wal_size: '4GB', checkpoint_timeout: '30min' };
const SERVER = { STAMPEDE_DATABASE_POOL: '8', STAMPEDE_FEEDS_MB: '1024', STAMPEDE_RECORD_CACHE_MB: '256' };

const AUTHORS = 30;  // of either kind
const POSTS_PER_S = 300;
const PAGES_PER_S = 300;
const IDLE_S = 8;
// Kinds of posts take turns, so that whatever else changes in time falls on all of them.
const ROUNDS = 4;
const POSTS_S = 4;
const WARM_PAGES_S = 5;
const PAGES_S = 12;
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

// Seconds of CPU, user and system, that a process has used; with those of children that ended, and of its children.
function cpuOf(pid, { family = false } = {}) {
  const fieldsOf = (id) => fs.readFileSync(`/proc/${id}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ').map(Number);
  const [user, system, endedUser, endedSystem] = fieldsOf(pid).slice(11, 15);
  let ticks = user + system;
  if (family) {
    ticks += endedUser + endedSystem;
    for (const id of fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean)) {
      const child = fieldsOf(id);
      ticks += child[11] + child[12];
    }
  }
  return ticks / TICKS_PER_S;
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

// Bytes on disk by table of the key space: those of all, shared out by the bytes of rows.
async function sizesOf(postgres) {
  const bytes = Number(await postgres.query("select sum(pg_total_relation_size(t)) from unnest(array['kv'::regclass, 'kv_queue']) t", 'graph'));
  const rows = (await postgres.query(`select get_byte(key, 0), count(*), sum(pg_column_size(kv.*) + 4 + pg_column_size(key) + 16)
    from kv group by 1 order by 1`, 'graph')).split('\n').map((line) => line.split('|').map(Number));
  const all = rows.reduce((total, [, , size]) => total + size, 0);
  return { bytes, tables: rows.map(([table, count, size]) => ({ table, rows: count, bytes: Math.round(bytes * size / all) })) };
}

// Everything that one number of servers is measured with.
class Bench {
  static async start({ nodes, postgres, graph }) {
    const bench = new Bench();
    const databaseName = `nodes${nodes}`;
    await postgres.query(`drop database if exists ${databaseName}`);
    await postgres.stop();
    await postgres.launch();
    await postgres.query(`create database ${databaseName} template graph`);
    await postgres.query('checkpoint');
    Object.assign(bench, { postgres, databaseName, nats: await Nats.start(), folder: temporaryFolder('bench') });
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
    bench.acknowledged = [];  // {id, author}
    return bench;
  }

  async close() {
    this.crowd.close();
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
      database: cpuOf(this.postgres.daemon.pid, { family: true }),
      nats: cpuOf(this.nats.nodes[0].daemon.pid),
      load: cpuOf(process.pid),
    };
  }

  // What was used while `work` ran; it returns the number of units.
  async #phase(name, work) {
    const before = await this.#sample();
    const units = await work(before);
    const after = await this.#sample();
    const less = (a, b) => Object.fromEntries(Object.keys(a).map((key) => [key, a[key] - b[key]]));
    const { at, servers, ...rest } = after;
    const phase = {
      seconds: (at - before.at) / 1000, units, servers: servers.map((server, i) => less(server, before.servers[i])),
      ...less(rest, Object.fromEntries(Object.keys(rest).map((key) => [key, before[key]]))),
    };
    const used = phase.servers.map((server) => server.cpu.toFixed(2)).join(' + ');
    say(`${name}: ${units} in ${phase.seconds.toFixed(1)} s; CPU s: servers ${used}, PostgreSQL ${phase.database.toFixed(2)}, `
      + `NATS ${phase.nats.toFixed(2)}, load ${phase.load.toFixed(2)}`);
    return phase;
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

  async #postFrom(authors) {
    const wanted = await this.#sumOf('feed_deliveries_total');
    let deliveries = 0;
    await this.crowd.offer({
      perS: POSTS_PER_S, seconds: POSTS_S,
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
    return POSTS_PER_S * POSTS_S;
  }

  async #read(seconds, salt) {
    const reader = (number) => Number(mix(BigInt(salt + number)) % BigInt(this.world.accounts));
    await this.crowd.offer({ perS: PAGES_PER_S, seconds, send: (number) => this.crowd.readHome(reader(number)) });
    return PAGES_PER_S * seconds;
  }

  async measure() {
    const phases = {};
    await lasting(SETTLE_MS * 2);
    phases.idle = await this.#phase('idle', async () => { await lasting(IDLE_S * 1000); return 0; });
    const databaseBytes = () => this.postgres.query(`select pg_database_size('${this.databaseName}')`).then(Number);
    const bytesBefore = await databaseBytes();
    const ofFirst = this.few.filter(({ position }) => this.crowd.homes[position] === 0);
    for (let round = 0; round < ROUNDS; round += 1) {
      const turns = [['few', this.few], ['many', this.many]];
      if (this.nodes.length > 1) turns.push(['away', ofFirst]);
      if (round % 2) turns.reverse();
      for (const [name, authors] of turns) {
        phases[name] = sumOf(phases[name], await this.#phase(`posts, ${name}`, () => this.#postFrom(authors)));
      }
    }
    const bytesOfPosts = await databaseBytes() - bytesBefore;
    await this.#read(WARM_PAGES_S, 1e9);
    phases.read = await this.#phase('home pages', () => this.#read(PAGES_S, 2e9));
    return { phases, bytesOfPosts };
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

async function measure({ nodes, postgres, graph }) {
  say(`${nodes} server${nodes === 1 ? '' : 's'}`);
  const bench = await Bench.start({ nodes, postgres, graph });
  try {
    await bench.warm();
    await bench.findAuthors();
    const measured = await bench.measure();
    await bench.verify();
    return { nodes, ...measured };
  } catch (error) {
    for (const node of bench.nodes) if (node.log) say(node.log.slice(-2000));
    throw error;
  } finally {
    await bench.close();
  }
}

// The section's text around the table.
function sectionOf({ world, runs }, costs) {
  const meanOf = (name) => {
    const phases = runs.map((one) => one.phases[name]);
    const deliveries = phases.flatMap(({ servers }) => servers).reduce((total, server) => total + server.deliveries, 0);
    return (deliveries / phases.reduce((total, { units }) => total + units, 0)).toFixed(0);
  };
  const counts = [...costs].map(([nodes, { runs: count }]) => `${count} with ${nodes}`).join(', ');
  return `${tableOf(costs)}

${world.accounts.toLocaleString('en')} members, all with feeds in memory; posts to few go to ${meanOf('few')} feeds, posts to many to ${meanOf('many')}; `
    + `${POSTS_PER_S} posts/s, ${PAGES_PER_S} pages/s whatever the number of servers. Medians of runs: ${counts}.

![CPU time by number of servers](performance/cluster.png)
`;
}

const { values: options } = parseArgs({
  options: {
    graph: { type: 'string' }, nodes: { type: 'string', default: '1,2,4' },
    add: { type: 'boolean', default: false }, 'no-document': { type: 'boolean', default: false },
  },
});

const graph = path.resolve(options.graph);
const { description, accounts, follows } = new World(graph);
const report = { world: { description, accounts, follows }, runs: [] };
if (options.add && fs.existsSync(results)) {
  const before = JSON.parse(fs.readFileSync(results, 'utf8'));
  assert.equal(before.world.description, description, 'the runs before are of another graph');
  report.runs.push(...before.runs);
}
const postgres = await on(SHARED_CPU, () => Postgres.start({ durable: true, settings: POSTGRES }));
try {
  say('the graph, into PostgreSQL');
  report.sizes = await fillDatabase(postgres, graph);
  for (const nodes of options.nodes.split(',').map(Number)) report.runs.push(await measure({ nodes, postgres, graph }));
} finally {
  await postgres.close();
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
