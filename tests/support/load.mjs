// Members who go on posting and reading whatever happens to the servers, and who know afterwards what must
// be there: every post has an Idempotency-Key and is sent again until it is acknowledged, so each must exist
// exactly once, in its author's timeline and in the home of every follower.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { eventually } from './eventually.mjs';
import { Api } from './http.mjs';

// What a client may be told when it should come again: by a server (503) or by the load balancer.
const COME_AGAIN = new Set([502, 503, 504]);
const MENTION_EVERY = 10;
// For what takes seconds, on a machine that is busy with other things too.
const PATIENCE_MS = 150_000;
// What a server had committed and not announced when it was killed, others announce when they look for such:
// every twenty seconds, for what is older than ten, in turns.
const LATE_MS = 120_000;
const byAge = (a, b) => (BigInt(a) < BigInt(b) ? 1 : -1);
export const newestFirst = (ids) => [...ids].sort(byAge);

// Says what differs, which two lists of hundreds of ids do not.
function assertSameIds(shown, expected, where) {
  const without = (ids, others) => ids.filter((id) => !others.includes(id));
  const told = (name, ids) => (ids.length === 0 ? '' : `; ${name} (${ids.length}): ${ids.slice(0, 20).join(' ')}`);
  const differences = told('missing', without(expected, shown)) + told('foreign', without(shown, expected));
  if (differences) assert.fail(`${where}: ${shown.length} posts of ${expected.length}${differences}`);
  assert.deepEqual(shown, expected, `${where}: doubled or out of order`);
}

export class Load {
  // `authors` and `readers` are Apis with id and token; `follows` maps a reader's name to authors. The one
  // who is mentioned now and then is `mentioned`.
  constructor({ url, authors, readers, follows, mentioned, posters = 24, postsPerS = 80, readsPerS = 10 }) {
    Object.assign(this, { url: new URL(url), authors, readers, follows, mentioned, posters, postsPerS, readsPerS });
    this.acknowledged = new Map();  // key → {id, author, mention, round}
    this.round = 0;
    this.sent = 0;
  }

  start() {
    this.agent = new http.Agent({ keepAlive: true, maxSockets: this.posters + this.readers.length });
    this.round += 1;
    this.failures = [];
    this.over = false;
    this.waiting = [];
    const lastStart = [...this.acknowledged.values()].reduce((max, post) => (BigInt(post.id) > max ? BigInt(post.id) : max), 0n);
    this.since = String(lastStart);
    this.tickets = setInterval(() => this.waiting.shift()?.(), 1000 / this.postsPerS);
    this.running = Promise.all([
      ...Array.from({ length: this.posters }, () => this.#post()), ...this.readers.map((reader) => this.#read(reader)),
    ]);
    this.running.catch(() => { this.over = true; });
  }

  // Everybody finishes what they began: after this, every post was acknowledged.
  async stop() {
    this.over = true;
    clearInterval(this.tickets);
    for (const go of this.waiting) go();
    await this.running;
    this.agent.destroy();
  }

  // Until so many more posts were acknowledged.
  async progress(count = 60, timeoutMs = PATIENCE_MS) {
    const goal = this.acknowledged.size + count;
    await eventually(async () => {
      if (this.over) await this.running;  // says why
      assert.ok(this.acknowledged.size >= goal, `${this.acknowledged.size} of ${goal} posts: ${this.failures.slice(-3)}`);
    }, { timeoutMs });
  }

  async #ticket() {
    if (!this.over) await new Promise((resolve) => { this.waiting.push(resolve); });
  }

  async #post() {
    for (;;) {
      await this.#ticket();
      if (this.over) return;
      const number = this.sent += 1;
      const author = this.authors[number % this.authors.length];
      const mention = number % MENTION_EVERY === 0;
      const key = randomUUID();
      const body = JSON.stringify({ status: `${mention ? `@${this.mentioned.name} ` : ''}post ${key}` });
      const { id } = await this.#untilDone('POST', '/api/v1/statuses', author, { body, key });
      this.acknowledged.set(key, { id, author, mention, round: this.round });
    }
  }

  // What a page shows is in order and nothing is there twice, also in the middle of everything.
  async #read(reader) {
    while (!this.over) {
      const page = await this.#untilDone('GET', '/api/v1/timelines/home?limit=40', reader);
      const ids = page.map((status) => status.id);
      assert.deepEqual(ids, newestFirst(new Set(ids)), `${reader.name}: a page in the middle of it`);
      await new Promise((resolve) => { setTimeout(resolve, 1000 / this.readsPerS); });
    }
  }

  // Sent again until it is answered with 200; any other answer but "come again" is a mistake of the server.
  async #untilDone(method, path, who, { body, key } = {}) {
    const refused = [];
    const reply = await eventually(async () => {
      const got = await this.#send(method, path, who, body, key).catch((error) => ({ status: error.message }));
      if (got.status === 200) return got;
      this.failures.push(`${method} ${path}: ${got.status}`);
      if (typeof got.status === 'number' && !COME_AGAIN.has(got.status)) {
        refused.push(got);
        return got;
      }
      throw new Error(`${method} ${path}: still ${got.status} ${got.text ?? ''}`);
    }, { timeoutMs: PATIENCE_MS, pauseMs: 50 });
    assert.deepEqual(refused, [], 'an answer that is neither done nor "come again"');
    return JSON.parse(reply.text);
  }

  #send(method, path, who, body = '', key = undefined) {
    return new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${who.token}` };
      if (body) Object.assign(headers, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
      if (key) headers['idempotency-key'] = key;
      const request = http.request({
        agent: this.agent, host: this.url.hostname, port: this.url.port, method, path, headers, timeout: 4000,
      }, (reply) => {
        let text = '';
        reply.on('data', (chunk) => { text += chunk; });
        reply.on('aborted', () => reject(new Error('aborted')));
        reply.on('error', reject);
        reply.on('end', () => resolve({ status: reply.statusCode, text }));
      });
      request.on('timeout', () => request.destroy(new Error('no answer in time')));
      request.on('error', reject);
      request.end(body);
    });
  }

  // Compares what the servers show with what was acknowledged. `addresses`: of each server itself, because a
  // member may come to any of them.
  async verify(addresses) {
    await this.#verifyAuthors(addresses[this.round % addresses.length]);
    for (const address of addresses) {
      for (const reader of this.readers) await this.#verifyHome(address, reader);
    }
  }

  async #verifyAuthors(address) {
    const anyone = new Api(address);
    for (const author of this.authors) {
      const expected = this.#postsOf((post) => post.author === author && post.round === this.round);
      const path = `/api/v1/accounts/${author.id}/statuses`;
      const shown = (await pagesDownTo(anyone, path, this.since)).map((status) => status.id);
      assertSameIds(shown, expected, `the posts of ${author.name} at ${address}`);
      const all = this.#postsOf((post) => post.author === author).length;
      await eventually(async () => {  // a server that heard nothing for a while may show an old one
        const account = await anyone.get(`/api/v1/accounts/${author.id}`);
        assert.equal(account.statuses_count, all, `${author.name}: the counter`);
      }, { timeoutMs: 20_000, pauseMs: 200 });
    }
  }

  async #verifyHome(address, reader) {
    const followed = new Set(this.follows[reader.name]);
    const expected = this.#postsOf((post) => followed.has(post.author)).slice(0, 160);
    const api = new Api(address, reader.token);
    await eventually(async () => {
      const home = await pages(api, '/api/v1/timelines/home', { limit: 40 }, 4);
      assertSameIds(home.map((status) => status.id), expected, `the home of ${reader.name} at ${address}`);
    }, { timeoutMs: LATE_MS, pauseMs: 200 });
  }

  // The acknowledged posts that must notify.
  mentions() { return this.#postsOf((post) => post.mention); }

  // Each acknowledged mention notified exactly once, and nothing else did. With `expected`, in the middle of
  // the load: each of these did. `address` is that of a server which answers.
  async verifyNotifications({ expected, address = this.url, timeoutMs = 60_000 } = {}) {
    const mentioned = new Api(address, this.mentioned.token);
    await eventually(async () => {
      const list = await pages(mentioned, '/api/v1/notifications', { limit: 80, 'types[]': 'mention' });
      const shown = new Set(list.map((n) => n.status.id));
      assert.equal(shown.size, list.length, 'a mention notified twice');
      const missing = (expected ?? this.mentions()).filter((id) => !shown.has(id));
      assert.deepEqual(missing, [], 'mentions that did not notify');
      if (!expected) assert.equal(shown.size, this.mentions().length, 'notifications that nobody caused');
    }, { timeoutMs, pauseMs: 500 });
  }

  #postsOf(wanted) {
    return newestFirst([...this.acknowledged.values()].filter(wanted).map((post) => post.id));
  }
}

// The items of so many pages. Links to the next page name the balancer; all are asked of the same server.
async function pages(api, path, query, count = 500) {
  const items = [];
  let reply = await api.call('GET', path, { query });
  for (let page = 1; ; page += 1) {
    if (reply.status !== 200) throw new Error(`${path}: ${reply.status} ${reply.text}`);
    items.push(...reply.body);
    if (page === count || !reply.link.next || reply.body.length === 0) return items;
    const next = new URL(reply.link.next);
    reply = await api.call('GET', next.pathname + next.search);
  }
}

async function pagesDownTo(api, path, since) {
  const items = [];
  for (let query = { limit: 40 }; ;) {
    const page = await eventually(() => api.get(path, query));
    const fresh = page.filter((status) => BigInt(status.id) > BigInt(since));
    items.push(...fresh);
    if (fresh.length < page.length || page.length === 0) return items;
    query = { limit: 40, max_id: page.at(-1).id };
  }
}
