// Measures what a post, a delivery and a home page cost in CPU time when 1, 2 and 4 servers share PostgreSQL and
// NATS; docs/performance.md, "Across nodes", tells how and shows the numbers. Started by bench/cluster:
//   --graph DIR        the graph of follows, as `stampede bench` loads it
//   --nodes 1,2,4      clusters of so many servers, all at work at once
//   --add              keep the rounds that were measured before
//   --report           measure nothing, write the document again
//   --no-document      measure, and leave the document and its chart as they are
//   --wait             when all is loaded, wait for a line on standard input: the machine should be quiet then
// Nothing is written when a request failed, a delivery is missing, or a home is not what the graph says.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { eventually } from '../tests/support/eventually.mjs';
import { newestFirst } from '../tests/support/load.mjs';
import { Nats } from '../tests/support/nats.mjs';
import { databaseUrl, Postgres } from '../tests/support/postgres.mjs';
import { freePort, removeFolder, temporaryFolder } from '../tests/support/daemon.mjs';
import { run, ServerProcess, testSettings, top } from '../tests/support/server.mjs';
import { costsOf, drawChart, ratiosOf, replaceSection, roundsTableOf, tableOf } from './cluster_costs.mjs';
import { cpuOf, keepAwake, on, threadsOf, uninterrupted } from './cluster_cpu.mjs';
import { Crowd, Echo, mix, offer, World } from './cluster_load.mjs';

// Processors: one for what all servers share and for the load, one for all servers.
const SHARED_CPU = 0;
const SERVERS_CPU = 1;
const POSTGRES = { shared_buffers: '2GB', max_wal_size: '8GB', checkpoint_timeout: '30min', autovacuum_naptime: '10min' };
const SERVER = { STAMPEDE_DATABASE_POOL: '8', STAMPEDE_FEEDS_MB: '1024', STAMPEDE_RECORD_CACHE_MB: '256' };

// Of either kind; a multiple of all numbers of servers, so that each takes as many posts. And so many that no reader gets
// all there are: a post that comes after 400 younger ones is older than what a feed keeps, and is not counted.
const AUTHORS = 16;
// To tell a delivery from the rest of an event: as many posts in every cluster, so that every server hears the same.
const EVENTS_PER_S = 200;
const DELIVERY_ROUNDS = 20;
const WARM_POSTS_S = 12;
// Of each server.
const POSTS_PER_S = 60;
const PAGES_PER_S = 100;
const ROUNDS = 5;
const TURN_S = 4;
// Where in the time between two requests to one server each cluster begins, so that every server of all has a moment of its own.
const SHIFTS = { 1: 3 / 8, 2: 1 / 8, 4: 0 };
// Events of a server that is not there, announced to all, at one cluster after the other.
const FLOOD_PER_S = 3000;
const FLOOD_S = 3;
const FLOOD_ROUNDS = 2;
const IDLE_S = 8;
const WARM_PAGES_S = 3;
const HOMES_CHECKED = 40;
const PAGE = 40;
// After the last request: deliveries are made, outbox rows erased, NATS acknowledges.
const SETTLE_MS = 1200;

const results = path.join(top, 'build/bench/cluster.json');
const document = path.join(top, 'docs/performance.md');
const chart = path.join(top, 'docs/performance/cluster.png');

const say = (text) => process.stderr.write(`· ${text}\n`);
const lasting = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const sum = (numbers) => numbers.reduce((total, n) => total + n, 0);

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
  const all = sum(tables.map(([, , size]) => size));
  const of = (kind, first, last, one) => {
    const within = tables.filter(([table]) => table >= first && table <= last);
    const column = (number) => sum(within.map((row) => row[number]));
    const count = tables.find(([table]) => table === one)[1];
    return { kind, count, rows: column(1) / count, bytes: bytes * column(2) / all / count };
  };
  return { bytes, units: [of('account', 0x10, 0x1d, 0x10), of('follow', 0x20, 0x22, 0x20), of('post', 0x30, 0x36, 0x30)] };
}

// A cluster of so many servers, of `most` that the largest has. Its readers are those of the members whom a load
// balancer would send to the first so many of `most` servers: so each server has the same readers in every cluster.
class Bench {
  static async start({ nodes, most, postgres, graph }) {
    const bench = new Bench();
    const databaseName = `nodes${nodes}`;
    await postgres.query(`create database ${databaseName} template graph strategy file_copy`);
    Object.assign(bench, { most, postgres, databaseName, nats: await Nats.start(), folder: temporaryFolder('bench') });
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
      await uninterrupted(node.pid);
      bench.nodes.push(node);
    }
    bench.world = new World(graph);
    bench.crowd = new Crowd(bench.world, bench.nodes, most);
    bench.echo = await Echo.start(bench.nats.nodes[0].port);
    bench.acknowledged = [];  // {id, author}
    bench.delivered = bench.nodes.map(() => 0);  // what each server must have counted
    return bench;
  }

  async close() {
    this.crowd.close();
    this.echo.close();
    await Promise.all(this.nodes.map((node) => node.stop()));
    await this.nats.close();
    removeFolder(this.folder);
  }

  // A metric of each server, summed over labels.
  async #metrics(name) {
    return Promise.all(this.nodes.map(async (node) => {
      const text = await (await fetch(`http://${node.metrics}/metrics`)).text();
      return sum([...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))].map(([, value]) => Number(value)));
    }));
  }

  // CPU seconds until now: of every thread of every server, by its name; of NATS; of every connection to the database.
  async cpu() {
    const pids = await this.postgres.query(`select pid from pg_stat_activity where datname = '${this.databaseName}'`);
    return {
      servers: this.nodes.map(({ pid }) => threadsOf(pid)),
      nats: sum(Object.values(threadsOf(this.nats.nodes[0].daemon.pid))),
      connections: Object.fromEntries(pids.split('\n').filter(Boolean).map((pid) => [pid, cpuOf(pid)])),
    };
  }

  // Everybody reads once, at home: all feeds are resident, each on one server.
  async warm() {
    const { readers } = this.crowd;
    await this.crowd.each(readers, 16, (position) => this.crowd.readHome(position));
    assert.equal(sum(await this.#metrics('feed_resident')), readers.length, 'feeds in memory');
  }

  // Those with most followers and those with fewest (the former have the first positions), and how many of them
  // each server delivers to: found by a post of each. In the largest cluster that must be all followers and the author;
  // in `largest`, if given, the same servers deliver as many.
  async findAuthors(largest) {
    const numbers = Array.from({ length: AUTHORS }, (_, i) => i);
    const find = async (kind, positions) => {
      this[kind] = [];
      for (const [i, position] of positions.entries()) {
        const author = { position, node: i % this.nodes.length };
        const account = JSON.parse(await this.crowd.ask(author, 'GET', '/api/v1/accounts/verify_credentials'));
        Object.assign(author, { id: account.id, deliveries: this.nodes.map(() => 0) });
        const before = this.delivered;
        await this.post(author, 'Does anybody hear me?');
        const wanted = largest?.[kind][i].deliveries.slice(0, this.nodes.length);
        author.deliveries = await eventually(async () => {
          const now = await this.#metrics('feed_deliveries_total');
          const made = now.map((count, node) => count - before[node]);
          if (wanted) assert.deepEqual(made, wanted, 'deliveries of each server');
          else assert.equal(sum(made), account.followers_count + 1, 'deliveries');
          this.delivered = now;
          return made;
        });
        this[kind].push(author);
      }
    };
    await find('many', numbers);
    await find('few', numbers.map((i) => this.world.accounts - 2 - i));
  }

  async post(author, text, node = author.node) {
    const id = await this.crowd.post({ ...author, node }, text);
    this.acknowledged.push({ id, author: author.id });
    this.delivered = this.delivered.map((count, i) => count + author.deliveries[i]);
  }

  // Sends so many requests a second; those of each server, of whose number `send` knows, at even distances.
  async #offer(perS, seconds, send) {
    const shift = SHIFTS[this.nodes.length] ?? 0;
    await offer({ perS, seconds, delayMs: 1000 * shift * this.nodes.length / perS, send });
    return Math.round(perS * seconds);
  }

  // So many a second, of all `authors` in turn. `node`: through this server only.
  async posts({ authors, perS, node, seconds = TURN_S }) {
    const before = this.delivered;
    const units = await this.#offer(perS, seconds, (number) => {
      const author = authors[number % authors.length];
      return this.post(author, `The ${number}th thing that ${author.position} has to say today, of no weight at all.`, node);
    });
    return { units, deliveries: this.delivered.map((count, i) => count - before[i]) };
  }

  async settled() {
    await eventually(async () => {
      assert.deepEqual(await this.#metrics('feed_deliveries_total'), this.delivered, 'deliveries');
    }, { timeoutMs: 20_000, pauseMs: 100 });
  }

  async flood() {
    const count = FLOOD_PER_S * FLOOD_S;
    const before = await this.#metrics('stampede_events_heard_total');
    const wanted = before.map((heard) => heard + count);
    await offer({ perS: FLOOD_PER_S, seconds: FLOOD_S, send: () => this.echo.send() });
    await eventually(async () => {
      assert.deepEqual(await this.#metrics('stampede_events_heard_total'), wanted, 'events heard');
    });
    return { units: count };
  }

  async read(seconds) {
    const first = this.pagesRead ?? 0;
    const nodes = this.nodes.length;
    const units = await this.#offer(PAGES_PER_S * nodes, seconds, (number) => {
      const readers = this.crowd.readersOf[number % nodes];
      return this.crowd.readHome(readers[Number(mix(BigInt(1e9 + first + number)) % BigInt(readers.length))]);
    });
    this.pagesRead = first + units;
    return { units };
  }

  // The newest entries of sampled homes are those that the graph and the acknowledged posts say.
  async verify() {
    const { readers } = this.crowd;
    for (let i = 0; i < HOMES_CHECKED; i += 1) {
      const position = readers[Number(mix(BigInt(i + 1)) % BigInt(readers.length))];
      const get = async (target) => JSON.parse(await this.crowd.ask({ position }, 'GET', target));
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

// Those that deliver: posts of the server itself on the first, of others on either (Mailbox::PushOrHandle).
const DELIVERING = ['feeds', 'nats_receiver'];

// What was used between two looks: of a server by all its threads and by those that deliver, of the database by all
// connections, also those that were opened meanwhile.
function used(before, after) {
  const less = (a, b) => sum(Object.entries(a).map(([key, value]) => value - (b[key] ?? 0)));
  return {
    servers: after.servers.map((threads, i) => ({
      cpu: less(threads, before.servers[i]), delivering: sum(DELIVERING.map((name) => threads[name] - before.servers[i][name])),
      threads: Object.fromEntries(Object.entries(threads).map(([name, value]) => [name, value - (before.servers[i][name] ?? 0)])),
    })),
    nats: after.nats - before.nats,
    database: less(after.connections, before.connections),
  };
}

// The clusters and what is measured on them, all at the same time: whatever else changes, from the speed of the
// machine to what is in its caches, is the same for all of them.
class Measurement {
  constructor(benches) {
    Object.assign(this, { benches, rounds: {} });
  }

  // One more round of `name`: `work` of every cluster returns {units} and, of posts, {deliveries}.
  async #round(name, benches, work) {
    const before = await Promise.all(benches.map((bench) => bench.cpu()));
    const begin = performance.now();
    const done = await Promise.all(benches.map(work));
    await lasting(SETTLE_MS);
    const seconds = (performance.now() - begin) / 1000;
    const after = await Promise.all(benches.map((bench) => bench.cpu()));
    await Promise.all(benches.map((bench) => bench.settled()));
    const round = Object.fromEntries(benches.map((bench, i) =>
      [bench.nodes.length, { seconds, ...done[i], ...used(before[i], after[i]) }]));
    say(`${name}: ${Object.entries(round).map(([nodes, { units, servers }]) =>
      `${nodes} × ${units} in ${servers.map(({ cpu }) => cpu.toFixed(2)).join('+')} s`).join(', ')}`);
    return round;
  }

  async #all(name, work) {
    (this.rounds[name] ??= []).push(await this.#round(name, this.benches, work));
  }

  #deliveries(kind) {
    return this.#all(kind, (bench) => bench.posts({ authors: bench[kind], perS: EVENTS_PER_S }));
  }

  // Feeds grow, and their memory is used for the first time.
  async #warmPosts() {
    await Promise.all(this.benches.map((bench) =>
      bench.posts({ authors: bench.many, perS: EVENTS_PER_S, seconds: WARM_POSTS_S })));
    await Promise.all(this.benches.map((bench) => bench.settled()));
  }

  // Heard by the others, as many as when each takes its own.
  async #away() {
    const several = this.benches.filter((bench) => bench.nodes.length > 1);
    const perS = (bench) => POSTS_PER_S * (bench.nodes.length - 1);
    (this.rounds.away ??= []).push(await this.#round('away', several, (bench) =>
      bench.posts({ authors: bench.few, perS: perS(bench), node: 0 })));
  }

  async #posts() {
    for (const { echo } of this.benches) echo.hearing = true;
    await this.#all('posts', (bench) => bench.posts({ authors: bench.few, perS: POSTS_PER_S * bench.nodes.length }));
    for (const { echo } of this.benches) echo.hearing = false;
  }

  async #flood() {
    const turns = [];
    for (const bench of this.benches) turns.push(await this.#round('flood', [bench], () => bench.flood()));
    (this.rounds.flood ??= []).push(Object.assign({}, ...turns));
  }

  async run() {
    await this.#all('idle', async () => { await lasting(IDLE_S * 1000); return { units: 0 }; });
    await this.#warmPosts();
    for (let round = 0; round < DELIVERY_ROUNDS; round += 1) {
      const kinds = ['few', 'many'];
      for (const kind of round % 2 ? kinds.reverse() : kinds) await this.#deliveries(kind);
    }
    for (let round = 0; round < ROUNDS; round += 1) {
      await this.#posts();
      await this.#away();
    }
    for (let round = 0; round < FLOOD_ROUNDS; round += 1) await this.#flood();
    await Promise.all(this.benches.map((bench) => bench.read(WARM_PAGES_S)));
    for (let round = 0; round < ROUNDS; round += 1) await this.#all('read', (bench) => bench.read(TURN_S));
    return this.rounds;
  }
}

// The section's text around the tables.
function sectionOf({ world, runs }, costs) {
  const { few, many } = costs.fanOut;
  const most = Math.max(...costs.nodes);
  const of = (kind) => costs.nodes.map((nodes) => kind[nodes].toFixed(0)).join(', ');
  return `${tableOf(costs)}

${(world.accounts / most).toLocaleString('en')} readers a server, all with feeds in memory; posts to many go to ${of(many)} feeds with ${costs.nodes.join(', ')} servers, posts to few to ${of(few)}. `
    + `For a delivery ${EVENTS_PER_S} posts/s in every cluster; for a post ${POSTS_PER_S} posts/s, for a page ${PAGES_PER_S} pages/s of each server. Medians of all rounds of ${runs.length} `
    + `run${runs.length === 1 ? '' : 's'}; in brackets the middle half of the rounds.

![CPU time by number of servers](performance/cluster.png)

A delivery, round by round, in ns:

${roundsTableOf(costs)}

${ratiosOf(costs)}
`;
}

// Starts everything, measures, compares, stops everything. Returns the rounds, and the sizes of things in the database.
async function measureAll({ nodes, graph, wait }) {
  const postgres = await on(SHARED_CPU, () => Postgres.start({ durable: true, settings: POSTGRES }));
  const benches = [];
  const awake = [];
  try {
    say('the graph, into PostgreSQL');
    const sizes = await fillDatabase(postgres, graph);
    const most = Math.max(...nodes);
    for (const count of nodes.sort((a, b) => b - a)) {
      say(`${count} server${count === 1 ? '' : 's'}: every home is read once`);
      const bench = await Bench.start({ nodes: count, most, postgres, graph });
      benches.push(bench);
      await bench.warm();
      await bench.findAuthors(benches[0] === bench ? undefined : benches[0]);
    }
    await postgres.query('checkpoint');
    if (wait) {
      say('waiting for a line');
      await once(process.stdin, 'data');
      process.stdin.destroy();
    }
    for (const cpu of [SHARED_CPU, SERVERS_CPU]) awake.push(await keepAwake(cpu));
    await lasting(SETTLE_MS);
    const rounds = await new Measurement(benches).run();
    say('measured');
    for (const bench of benches) await bench.verify();
    return { rounds, sizes };
  } catch (error) {
    for (const node of benches.flatMap((bench) => bench.nodes)) if (node.log) say(node.log.slice(-2000));
    throw error;
  } finally {
    await Promise.all(awake.map((daemon) => daemon.end('SIGKILL')));
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
  const { rounds, sizes } = await measureAll({ nodes: options.nodes.split(',').map(Number), graph, wait: options.wait });
  report.runs.push(rounds);
  report.sizes = sizes;
}
const costs = costsOf(report.runs);
report.costs = costs;
fs.mkdirSync(path.dirname(results), { recursive: true });
fs.writeFileSync(results, `${JSON.stringify(report, null, 1)}\n`);
process.stdout.write(`${tableOf(costs)}\n\n${roundsTableOf(costs)}\n\n${ratiosOf(costs)}\n`);
if (!options['no-document']) {
  drawChart(costs, chart);
  fs.writeFileSync(document, replaceSection(fs.readFileSync(document, 'utf8'), 'across nodes', sectionOf(report, costs)));
}
