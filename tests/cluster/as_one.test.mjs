// Several servers are one to whoever talks to them: what was done on one holds on the others, whatever a
// client repeats, and wherever it lands.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { signInAll } from '../support/cast.mjs';
import { Cluster } from '../support/cluster.mjs';
import { eventually } from '../support/eventually.mjs';
import { Api } from '../support/http.mjs';
import { Nats } from '../support/nats.mjs';
import { Postgres } from '../support/postgres.mjs';
import { registerApp, tokenFor } from '../support/sign_in.mjs';
import { Spreader } from '../support/spreader.mjs';

let postgres;
let cluster;
let people;
let at;  // at.alice[2]: alice at the third server

before(async () => {
  postgres = await Postgres.start();
  cluster = await Cluster.start({
    databases: [postgres], nats: await Nats.start(), front: Spreader.start, users: ['alice', 'bob'],
    // 300 requests in five minutes become 150.
    env: { STAMPEDE_RATE_LIMIT_PERCENT: '50' },
  });
  people = await signInAll(cluster.url, ['alice', 'bob']);
  at = Object.fromEntries(Object.entries(people).map(([name, person]) =>
    [name, cluster.nodes.map((node) => new Api(node.address, person.token))]));
}, { timeout: 60_000 });
after(async () => {
  await cluster?.close();
  await postgres?.close();
});

test('one Idempotency-Key posts once, though the requests meet at different servers', async () => {
  for (let round = 0; round < 5; round += 1) {
    const replies = await Promise.all(at.alice.map((alice) => alice.call('POST', '/api/v1/statuses', {
      json: { status: `once ${round}` }, headers: { 'idempotency-key': `key ${round}` },
    })));
    assert.deepEqual(replies.map((reply) => reply.status), [200, 200, 200]);
    assert.equal(new Set(replies.map((reply) => reply.body.id)).size, 1);
  }
  assert.equal((await at.alice[0].get(`/api/v1/accounts/${people.alice.id}/statuses`)).length, 5);
});

test('a post comes home wherever its reader is', async () => {
  await at.bob[0].post(`/api/v1/accounts/${people.alice.id}/follow`);
  for (const bob of at.bob) await eventually(() => bob.get('/api/v1/timelines/home'));  // kept in memory by all
  for (const alice of at.alice) {
    const { id } = await alice.post('/api/v1/statuses', { status: 'to everywhere' });
    for (const bob of at.bob) {
      await eventually(async () =>
        assert.equal((await bob.get('/api/v1/timelines/home', { limit: 1 }))[0].id, id));
    }
  }
});

test('favourites given at the same time at all servers are counted and notified once each', async () => {
  const { id } = await at.alice[0].post('/api/v1/statuses', { status: 'nice' });
  await Promise.all(at.bob.map((bob) => bob.post(`/api/v1/statuses/${id}/favourite`)));
  for (const alice of at.alice) {
    await eventually(async () => {
      assert.equal((await alice.get(`/api/v1/statuses/${id}`)).favourites_count, 1);
      const notified = await alice.get('/api/v1/notifications', { 'types[]': 'favourite' });
      assert.deepEqual(notified.map((n) => n.status.id), [id]);
    });
  }
});

test('a token that was revoked at one server is soon worth nothing at the others', async () => {
  const app = await registerApp(cluster.url);
  const token = await tokenFor(cluster.url, 'bob', { app });
  const everywhere = cluster.nodes.map((node) => new Api(node.address, token));
  for (const bob of everywhere) await bob.get('/api/v1/accounts/verify_credentials');
  await everywhere[0].expect(200, 'POST', '/oauth/revoke', {
    form: { client_id: app.client_id, client_secret: app.client_secret, token },
  });
  for (const bob of everywhere) {
    await eventually(async () =>
      assert.equal((await bob.call('GET', '/api/v1/accounts/verify_credentials')).status, 401));
  }
});

test('what a member used up at two servers is soon refused by the third', async () => {
  const use = (bob) => bob.call('GET', '/api/v1/accounts/verify_credentials');
  for (let i = 0; i < 150; i += 1) await use(at.bob[i % 2]);
  await eventually(async () => assert.equal((await use(at.bob[2])).status, 429), { timeoutMs: 5000, pauseMs: 250 });
});
