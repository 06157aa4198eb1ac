// How a server is stopped that stands behind a load balancer: it says so on /health first.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../support/eventually.mjs';
import { Api } from '../support/http.mjs';
import { Server } from '../support/server.mjs';
import { tokenFor } from '../support/sign_in.mjs';

const healthOf = async (server) => (await fetch(`${server.url}/health`)).status;

test('after SIGTERM health turns first, and everything else is served until drain_ms is over', async () => {
  const server = await Server.start({ users: ['alice'], env: { STAMPEDE_DRAIN_MS: '1500' } });
  try {
    const alice = new Api(server.url, await tokenFor(server.url, 'alice'));
    const began = Date.now();
    const stopped = server.stop();
    await eventually(async () => assert.equal(await healthOf(server), 503));
    let posted = 0;
    while (await healthOf(server).catch(() => 0) === 503 && posted < 20) {
      await alice.post('/api/v1/statuses', { status: `post ${posted += 1}` });
    }
    assert.equal(posted, 20);
    assert.equal(await stopped, 0);
    assert.ok(Date.now() - began >= 1500);
    await assert.rejects(healthOf(server));
    await server.launch();
    assert.equal((await alice.get('/api/v1/timelines/home', { limit: 40 })).length, 20);
  } finally {
    await server.close();
  }
});

test('a second SIGTERM ends the wait', async () => {
  const server = await Server.start({ env: { STAMPEDE_DRAIN_MS: '3600000' } });
  try {
    const stopped = server.stop();
    await eventually(async () => assert.equal(await healthOf(server), 503));
    server.signal('SIGTERM');
    assert.equal(await stopped, 0);
  } finally {
    await server.close();
  }
});
