// kill -9 in the middle of many concurrent posters, again and again: what was acknowledged is there after
// the restart, once; feeds are rebuilt as they were; jobs go on where they were.
//   STAMPEDE_CRASH_ROUNDS=3 STAMPEDE_CRASH_POSTERS=200 tests/run tests/crash/crash.test.mjs
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { startWithCast } from '../support/cast.mjs';
import { eventually } from '../support/eventually.mjs';
import { assertReplies } from '../support/replies.mjs';

const ROUNDS = Number(process.env.STAMPEDE_CRASH_ROUNDS ?? 20);
const POSTERS = Number(process.env.STAMPEDE_CRASH_POSTERS ?? 200);
const AUTHORS = ['alice', 'bob', 'dora', 'emil', 'frida', 'gustav', 'hanna', 'ivan'];
const READERS = ['charlie', 'karl'];  // charlie reads all the time, karl only at the end

let people;
let authors;
const acknowledged = new Map();  // key → {id, author, mention}
const pending = new Map();       // key → the post, sent but not answered

before(async () => {
  people = await startWithCast({ names: [...AUTHORS, ...READERS] });
  authors = AUTHORS.map((name) => people[name]);
  for (const reader of READERS) {
    for (const author of authors) await people[reader].post(`/api/v1/accounts/${author.id}/follow`);
  }
  await people.charlie.get('/api/v1/timelines/home');  // from now on charlie's feed is pushed to
});
after(async () => {
  await people.server.close();
  assertReplies();
});

// fetch() would hide on which connection a post went, and is slow for hundreds at a time.
function send(agent, post) {
  const body = JSON.stringify({ status: post.text });
  return new Promise((resolve, reject) => {
    const request = http.request({
      agent, host: '127.0.0.1', port: people.server.port, method: 'POST', path: '/api/v1/statuses',
      headers: {
        authorization: `Bearer ${post.author.token}`, 'content-type': 'application/json',
        'content-length': Buffer.byteLength(body), 'idempotency-key': post.key,
      },
    }, (reply) => {
      let text = '';
      reply.on('data', (chunk) => { text += chunk; });
      reply.on('error', reject);
      reply.on('aborted', () => reject(new Error('aborted')));
      reply.on('end', () => resolve({ status: reply.statusCode, text }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

async function deliver(agent, post) {
  const reply = await send(agent, post);
  if (reply.status === 503) return false;  // asked to come again
  assert.equal(reply.status, 200, reply.text);
  acknowledged.set(post.key, { ...post, id: JSON.parse(reply.text).id });
  pending.delete(post.key);
  return true;
}

function newPost(number) {
  const author = authors[number % authors.length];
  const key = randomUUID();
  const mention = number % 10 === 0;
  return { key, author, mention, text: `${mention ? '@charlie ' : ''}post ${key}` };
}

// POSTERS clients that post one after the other until the server dies under them.
async function postUntilKilled(agent, isOver) {
  let number = 0;
  await Promise.all(Array.from({ length: POSTERS }, async () => {
    while (!isOver()) {
      const post = newPost(number += 1);
      pending.set(post.key, post);
      try {
        await deliver(agent, post);
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        return;  // the connection died
      }
    }
  }));
}

async function retryPending(agent) {
  for (const post of [...pending.values()]) {
    await eventually(async () => assert.ok(await deliver(agent, post)));
  }
  assert.equal(pending.size, 0);
}

async function round(number) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: POSTERS });
  let over = false;
  const before = acknowledged.size;
  const posters = postUntilKilled(agent, () => over);
  await eventually(() => assert.ok(acknowledged.size >= before + POSTERS / 2), { timeoutMs: 30_000, pauseMs: 1 });
  await new Promise((resolve) => setTimeout(resolve, (number * 37) % 150));  // another moment every time
  await people.server.kill();
  over = true;
  await posters;
  agent.destroy();
  await people.server.launch();
  const fresh = new http.Agent({ keepAlive: true, maxSockets: 8 });
  await retryPending(fresh);
  fresh.destroy();
}

const textOf = (status) => /post ([0-9a-f-]{36})/.exec(status.content)[1];

async function checkAuthors() {
  for (const author of authors) {
    const listed = await people.anyone.all(`/api/v1/accounts/${author.id}/statuses`, { limit: 40 }, 2000);
    const expected = [...acknowledged.values()].filter((post) => post.author === author);
    const byKey = new Map(listed.map((status) => [textOf(status), status.id]));
    assert.equal(byKey.size, listed.length, `${author.name}: a post is there twice`);
    for (const post of expected) {
      assert.equal(byKey.get(post.key), post.id, `${author.name}: an acknowledged post is lost or has another id`);
    }
    assert.equal(listed.length, expected.length, `${author.name}: posts that nobody sent`);
    const account = await people.anyone.get(`/api/v1/accounts/${author.id}`);
    assert.equal(account.statuses_count, expected.length, `${author.name}: the counter`);
  }
}

const newestFirst = (list) => [...list].sort((a, b) => (BigInt(a) < BigInt(b) ? 1 : -1));

async function checkHome(reader) {
  const expected = newestFirst([...acknowledged.values()].map((post) => post.id)).slice(0, 200);
  await eventually(async () => {
    const home = await firstPages(reader, 5);
    assert.deepEqual(home.map((status) => status.id), expected);
  });
}

async function firstPages(reader, count) {
  const items = [];
  let reply = await people[reader].call('GET', '/api/v1/timelines/home', { query: { limit: 40 } });
  for (let page = 1; ; page += 1) {
    items.push(...reply.body);
    if (page === count || !reply.link.next) return items;
    reply = await people[reader].call('GET', reply.link.next);
  }
}

async function checkNotifications() {
  const expected = newestFirst([...acknowledged.values()].filter((p) => p.mention).map((p) => p.id));
  await eventually(async () => {
    const list = await people.charlie.all('/api/v1/notifications', { limit: 80, 'types[]': 'mention' }, 2000);
    assert.deepEqual(newestFirst(list.map((n) => n.status.id)), expected);
  }, { timeoutMs: 60_000, pauseMs: 250 });
}

test(`${ROUNDS} times kill -9 under ${POSTERS} posters`, { timeout: 240_000 }, async (t) => {
  for (let number = 1; number <= ROUNDS; number += 1) {
    await round(number);
    if (number % 5 === 0) await checkHome('charlie');
  }
  t.diagnostic(`${acknowledged.size} posts acknowledged`);
});

test('every acknowledged post is there, none is doubled, and the counters agree', checkAuthors);
test('the feed of a reader who was there is that of the store', () => checkHome('charlie'));
test('so is the feed of a reader who comes for the first time', () => checkHome('karl'));
test('each mention notified exactly once', checkNotifications);
