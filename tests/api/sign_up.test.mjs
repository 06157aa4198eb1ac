// Registration as the operator allows it: open, with approval, or closed.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Api } from '../support/http.mjs';
import { assertReplies } from '../support/replies.mjs';
import { Server } from '../support/server.mjs';
import { appToken } from '../support/sign_in.mjs';

const servers = [];
after(async () => {
  for (const server of servers) await server.close();
  assertReplies();
});

async function start(registrations) {
  const server = await Server.start({ env: { STAMPEDE_REGISTRATIONS: registrations } });
  servers.push(server);
  return server;
}

const dora = {
  username: 'dora', email: 'dora@example.org', password: 'long enough a password',
  agreement: true, locale: 'en', reason: 'I like herds',
};

test('open: the account works at once', async () => {
  const { url } = await start('open');
  const instance = await new Api(url).get('/api/v2/instance');
  assert.deepEqual([instance.registrations.enabled, instance.registrations.approval_required], [true, false]);
  const token = await new Api(url, await appToken(url)).post('/api/v1/accounts', dora);
  const me = new Api(url, token.access_token);
  assert.equal((await me.get('/api/v1/accounts/verify_credentials')).username, 'dora');
  assert.ok((await me.post('/api/v1/statuses', { status: 'hello world' })).id);
  const again = await new Api(url, await appToken(url)).call('POST', '/api/v1/accounts',
    { json: { ...dora, username: 'dora2' } });
  assert.equal(again.body.details.email[0].error, 'ERR_TAKEN');
});

test('approval: the account waits, and its token says so', async () => {
  const { url } = await start('approval');
  const instance = await new Api(url).get('/api/v2/instance');
  assert.deepEqual([instance.registrations.enabled, instance.registrations.approval_required], [true, true]);
  const token = await new Api(url, await appToken(url)).post('/api/v1/accounts', dora);
  const me = new Api(url, token.access_token);
  assert.equal((await me.call('POST', '/api/v1/statuses', { json: { status: 'hello' } })).status, 403);
  assert.equal((await new Api(url).call('GET', '/api/v1/accounts/lookup', { query: { acct: 'dora' } })).status, 404);
});

test('closed: nobody signs up', async () => {
  const { url } = await start('closed');
  const instance = await new Api(url).get('/api/v1/instance');
  assert.equal(instance.registrations, false);
  const reply = await new Api(url, await appToken(url)).call('POST', '/api/v1/accounts', { json: dora });
  assert.equal(reply.status, 403);
});
