// The arithmetic of bench/cluster: CPU times made up from known costs give these costs back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chartOf, costsOf, ratiosOf, replaceSection, roundsTableOf, tableOf } from '../../bench/cluster_costs.mjs';
import { splitMix } from '../../bench/cluster_load.mjs';

const COSTS = {
  post: 500e-6, delivery: 60e-9, deliveryOfAll: 60e-9, event: 20e-6, heard: 80e-6, heardOfMany: 20e-6, postDatabase: 400e-6, postNats: 100e-6, page: 300e-6,
  pageDatabase: 90e-6, idleServer: 0.003, idleDatabase: 0.02, idleNats: 0.001,
};
const NODES = [1, 2, 4];

// Posts that each server takes, delivered to `fanOut` feeds on each. On a machine that is `slower`.
function roundOf({ seconds = 5, posts, fanOut = 0, pages = 0, slower = 1 }) {
  const units = posts.reduce((a, b) => a + b, 0);
  const servers = posts.map((own) => {
    const delivering = units * fanOut * COSTS.delivery * slower;
    const requests = own * COSTS.post + (units - own) * COSTS.heard + pages * COSTS.page;
    return { cpu: COSTS.idleServer * seconds + requests + delivering, delivering: units * COSTS.event + delivering };
  });
  const all = units + pages * posts.length;
  return {
    seconds, units: all, servers, deliveries: posts.map(() => units * fanOut),
    database: COSTS.idleDatabase * seconds + all * (pages ? COSTS.pageDatabase : COSTS.postDatabase),
    nats: COSTS.idleNats * seconds + units * COSTS.postNats,
  };
}

const roundWith = (make, clusters = NODES) => Object.fromEntries(clusters.map((nodes) => [nodes, make(Array(nodes).fill(0))]));

function run() {
  const some = (each) => each.map(() => 1200 / each.length);
  const flood = (each) => ({
    seconds: 5, units: 9000, nats: 0, database: 0,
    servers: each.map(() => ({ cpu: COSTS.idleServer * 5 + 9000 * COSTS.heardOfMany, delivering: 0 })),
  });
  // Between the rounds the machine gets slower, for all clusters alike.
  const deliveries = (fanOut) => [1, 1, 2].map((slower) => roundWith((each) => roundOf({ posts: some(each), fanOut, slower })));
  return {
    idle: [roundWith((posts) => roundOf({ posts, seconds: 8 }))],
    few: deliveries(5),
    many: deliveries(1500),
    posts: [roundWith((each) => roundOf({ posts: each.map(() => 300), fanOut: 5 }))],
    away: [roundWith((each) => roundOf({ posts: each.map((_, i) => (i === 0 ? 300 : 0)), fanOut: 5 }), [2, 4])],
    flood: [roundWith(flood)],
    read: [roundWith((posts) => roundOf({ posts, pages: 400 }))],
  };
}

const near = (a, b) => assert.ok(Math.abs(a - b) <= 1e-6 * Math.abs(b), `${a} instead of ${b}`);

test('costs are found again, in each cluster', () => {
  const costs = costsOf([run()]);
  assert.deepEqual(costs.nodes, NODES);
  for (const nodes of NODES) {
    near(costs.fanOut.many[nodes], 1500 * nodes);
    for (const [name, cost] of Object.entries(COSTS)) {
      const found = costs.rounds[name][nodes];
      if (name === 'heard' && nodes === 1) assert.deepEqual(found, []);
      else near(found[0], cost);
    }
    near(costs.rounds.delivery[nodes][2], 2 * COSTS.delivery);
  }
});

test('the tables and the chart show each number of servers once, and all rounds of all runs', () => {
  const costs = costsOf([run(), run()]);
  assert.match(tableOf(costs), /\*\*servers, a delivery\*\* \| 60 ns \(60–105\) \| 60 ns \(60–105\) \| 60 ns \(60–105\) \| 1\.00 \(1\.00–1\.00\) \|/);
  assert.match(tableOf(costs), /heard from another, .* \| – \| 80 µs \| 80 µs \| – \|/);
  assert.match(roundsTableOf(costs), /\| 4 \| 60\.0 \| 60\.0 \| 120\.0 \| 60\.0 \| 60\.0 \| 120\.0 \|/);
  assert.match(ratiosOf(costs), /2 to 1: 1\.000 \(95 %: 1\.000 to 1\.000; mean 1\.000\), 4 to 1: 1\.000/);
  assert.equal(chartOf(costs, 'x.png').match(/^e$/gm).length, 7);
});

test('the bounds of a median are the right ones of the sorted ratios', () => {
  const costs = { nodes: [1, 2], rounds: { delivery: { 1: Array(14).fill(1), 2: [14, 2, 3, 1, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12] } } };
  assert.match(ratiosOf(costs), /2 to 1: 7\.500 \(95 %: 3\.000 to 12\.000; mean 7\.500\)/);
});

test('a section of a document is replaced and nothing else', () => {
  const document = 'a\n<!-- begin x -->\nold\n<!-- end x -->\nb\n';
  assert.equal(replaceSection(document, 'x', 'new\n'), 'a\n<!-- begin x -->\nnew\n<!-- end x -->\nb\n');
  assert.throws(() => replaceSection(document, 'y', 'new\n'), /no section y/);
});

test('the generator of tokens is that of the loader', () => {
  // The first outputs for the seed 1234567, from the author's reference implementation.
  const numbers = splitMix(1234567n);
  assert.deepEqual([numbers.next().value, numbers.next().value], [6457827717110365317n, 3203168211198807973n]);
});
