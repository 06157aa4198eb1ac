// Rate limits and their headers (docs.joinmastodon.org/api/rate-limits), with the limits made small.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startWithCast } from '../support/cast.mjs';
import { assertReplies } from '../support/replies.mjs';

let people;
// 300 per 5 minutes becomes 30, 300 posts per 3 hours 30.
before(async () => {
  people = await startWithCast({ names: ['alice'], env: { STAMPEDE_RATE_LIMIT_PERCENT: '10' } });
});
after(async () => {
  await people.server.close();
  assertReplies();
});

test('the headers count down, and the last request is refused with 429', async () => {
  const first = await people.anyone.call('GET', '/api/v1/instance');
  assert.equal(first.headers.get('x-ratelimit-limit'), '30');
  assert.match(first.headers.get('x-ratelimit-reset'), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/);
  let left = Number(first.headers.get('x-ratelimit-remaining'));
  let reply;
  for (let i = 0; i < 40; i += 1) {
    reply = await people.anyone.call('GET', '/api/v1/instance');
    if (reply.status === 429) break;
    const now = Number(reply.headers.get('x-ratelimit-remaining'));
    assert.ok(now === left - 1 || now > left, `${left} then ${now}`);
    left = now;
  }
  assert.equal(reply.status, 429);
  assert.equal(reply.body.error, 'Too many requests');
  assert.equal(reply.headers.get('x-ratelimit-remaining'), '0');
  assert.equal(reply.headers.get('access-control-allow-origin'), '*', 'refusals too are for other origins');
});

test('a member with a token is counted apart from the address', async () => {
  const reply = await people.alice.call('GET', '/api/v1/accounts/verify_credentials');
  assert.equal(reply.status, 200);
  assert.ok(Number(reply.headers.get('x-ratelimit-remaining')) > 0);
});
