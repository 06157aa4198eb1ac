// The arithmetic of bench/cluster: CPU times made up from known costs give these costs back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chartOf, costsOf, medians, replaceSection, tableOf } from '../../bench/cluster_costs.mjs';
import { splitMix } from '../../bench/cluster_load.mjs';

const COSTS = {
  post: 500e-6, delivery: 60e-9, heard: 80e-6, heardOfMany: 20e-6, postDatabase: 400e-6, postNats: 100e-6, page: 300e-6, pageDatabase: 90e-6,
  idleServer: 0.003, idleDatabase: 0.02, idleNats: 0.001,
};

// `posts` of each server, each delivered to so many feeds, of which every server holds the same share.
function phaseOf({ seconds, posts, fanOut = 0, pages = 0 }) {
  const [units, nodes] = [posts.reduce((a, b) => a + b, 0) + pages, posts.length];
  const servers = posts.map((own) => {
    const heard = pages ? 0 : units - own;
    const deliveries = pages ? 0 : units * fanOut / nodes;
    const cpu = COSTS.idleServer * seconds + own * COSTS.post + heard * COSTS.heard + deliveries * COSTS.delivery
      + pages / nodes * COSTS.page;
    return { cpu, heard, deliveries };
  });
  return {
    seconds, units, servers,
    database: COSTS.idleDatabase * seconds + units * (pages ? COSTS.pageDatabase : COSTS.postDatabase),
    nats: COSTS.idleNats * seconds + (pages ? 0 : units * COSTS.postNats),
  };
}

function runWith(nodes) {
  const each = Array(nodes).fill(1000);
  return {
    nodes,
    phases: {
      idle: phaseOf({ seconds: 8, posts: each.map(() => 0) }),
      few: phaseOf({ seconds: 20, posts: each, fanOut: 30 }),
      many: phaseOf({ seconds: 20, posts: each, fanOut: 1500 }),
      away: phaseOf({ seconds: 20, posts: each.map((posts, i) => (i === 0 ? posts : 0)), fanOut: 30 }),
      flood: {
        seconds: 5, units: 9000,
        servers: each.map(() => ({
          cpu: COSTS.idleServer * 5 + 9000 * (COSTS.heardOfMany + 30 / nodes * COSTS.delivery), heard: 9000, deliveries: 0,
        })),
      },
      read: phaseOf({ seconds: 12, posts: each.map(() => 0), pages: 3000 }),
    },
  };
}

const near = (a, b) => assert.ok(Math.abs(a - b) <= 1e-6 * Math.abs(b), `${a} instead of ${b}`);

for (const nodes of [1, 2, 4]) {
  test(`costs are found again with ${nodes} servers`, () => {
    const found = costsOf(runWith(nodes));
    for (const [name, cost] of Object.entries(COSTS)) {
      if (name === 'heard' && nodes === 1) assert.equal(found.heard, null);
      else near(found[name], cost);
    }
    near(found.postToMany, COSTS.post + 1500 * COSTS.delivery + (nodes - 1) * COSTS.heard);
  });
}

test('the table and the chart show each number of servers once, with medians', () => {
  const costs = medians([1, 4, 2, 1].map(runWith));
  assert.deepEqual([...costs.keys()], [1, 2, 4]);
  assert.equal(costs.get(1).runs, 2);
  assert.match(tableOf(costs), /\*\*servers, a delivery\*\* \| 60 ns \| 60 ns \| 60 ns \| 1\.00 \|/);
  assert.match(tableOf(costs), /heard from another server, .* \| – \| 80 µs \| 80 µs \| – \|/);
  assert.equal(chartOf(costs, 'x.png').match(/^e$/gm).length, 7);
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
