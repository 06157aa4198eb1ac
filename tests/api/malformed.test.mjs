// Input that no decent client sends. Each gets a clear error; the server stays up, answers others
// meanwhile, and stays small.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startWithCast } from '../support/cast.mjs';
import { eventually } from '../support/eventually.mjs';
import { exchange, Raw } from '../support/raw.mjs';
import { assertReplies } from '../support/replies.mjs';

const MEMORY_MAX = 200 * 1024 * 1024;
const TIMEOUT_MS = 1000;
let people;
let port;

before(async () => {
  people = await startWithCast({
    names: ['alice'],
    env: {
      STAMPEDE_HEADER_TIMEOUT_MS: String(TIMEOUT_MS), STAMPEDE_BODY_TIMEOUT_MS: String(TIMEOUT_MS),
      STAMPEDE_IDLE_TIMEOUT_MS: String(2 * TIMEOUT_MS),
    },
  });
  port = people.server.port;
});
after(async () => {
  assert.ok(people.server.alive, people.server.log);
  await people.server.close();
  assertReplies();
});

async function stillWell() {
  assert.ok(people.server.alive, people.server.log);
  const made = await people.alice.post('/api/v1/statuses', { status: 'still here' });
  assert.ok(made.id);
  const rss = people.server.rssBytes();
  assert.ok(rss < MEMORY_MAX, `resident: ${Math.round(rss / 1024 / 1024)} MB`);
}

const head = (method, path, headers = {}) =>
  [`${method} ${path} HTTP/1.1`, 'Host: 127.0.0.1',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`), '', ''].join('\r\n');

const bearer = () => ({ Authorization: `Bearer ${people.alice.token}` });

function postJson(body) {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body);
  return Buffer.concat([
    Buffer.from(head('POST', '/api/v1/statuses',
      { ...bearer(), 'Content-Type': 'application/json', 'Content-Length': bytes.length })),
    bytes,
  ]);
}

async function expectError(bytes, statuses, what) {
  const reply = await exchange(port, bytes);
  assert.ok(reply, `${what}: closed without an answer`);
  assert.ok(statuses.includes(reply.status), `${what}: ${reply.status} ${reply.body}`);
  return reply;
}

async function expectJsonError(bytes, statuses, what) {
  const reply = await expectError(bytes, statuses, what);
  assert.equal(typeof JSON.parse(reply.body).error, 'string', `${what}: ${reply.body}`);
}

test('broken JSON', async () => {
  for (const body of [
    '{', '{"status":', '{"status":"x"', '{"status":"x",}', '{"status":"x"} trailing', "{'status':'x'}", '[1,2',
    '"text"', '[]', '42', 'null', '{"status":"\\ud800"}', '{"status":"\\x41"}', '{"a":NaN}',
    '{"status":"x","status":{"y":1}}', '\ufeff{"status":""}', '{"\\u0000":"x"}',
  ]) {
    await expectJsonError(postJson(body), [400, 422], body);
  }
  await stillWell();
});

test('deep nesting', async () => {
  for (const [open, close] of [['[', ']'], ['{"a":', '}'], ['[{"a":', '}]']]) {
    for (const depth of [17, 1000, 100_000]) {
      const body = `{"status":${open.repeat(depth)}1${close.repeat(depth)}}`;
      await expectJsonError(postJson(body), [400, 413], `${open} ${depth} deep`);
      await expectJsonError(postJson(`{"status":${open.repeat(depth)}`), [400, 413], `${open} ${depth} deep, open`);
    }
  }
  const form = `status${'[a]'.repeat(5000)}=1`;
  await expectJsonError(head('POST', '/api/v1/statuses', {
    ...bearer(), 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': form.length,
  }) + form, [400], 'form');
  await expectError(head('GET', `/api/v1/timelines/home?${'a[b]'.repeat(500)}=1`, bearer()), [400], 'query');
  await stillWell();
});

test('more parameters than anybody needs', async () => {
  const many = Array.from({ length: 100_000 }, (_, i) => `"p${i}":1`).join(',');
  await expectJsonError(postJson(`{${many}}`), [400, 413], 'members');
  await expectJsonError(postJson(`{"status":[${Array(200_000).fill('1').join(',')}]}`), [400, 413], 'elements');
  const form = Array.from({ length: 50_000 }, (_, i) => `p${i}=1`).join('&');
  await expectJsonError(head('POST', '/api/v1/statuses', {
    ...bearer(), 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': form.length,
  }) + form, [400, 413], 'form');
  await stillWell();
});

test('huge bodies are refused before they are read', async () => {
  for (const size of [1024 * 1024 + 1, 10 * 1024 ** 2, 10 * 1024 ** 3, '99999999999999999999']) {
    await expectError(head('POST', '/api/v1/statuses',
      { ...bearer(), 'Content-Type': 'application/json', 'Content-Length': size }), [400, 413], `${size} bytes`);
  }
  const raw = await Raw.connect(port);
  raw.write(head('POST', '/api/v1/statuses',
    { ...bearer(), 'Content-Type': 'application/json', 'Transfer-Encoding': 'chunked' }));
  const chunk = `10000\r\n${' '.repeat(0x10000)}\r\n`;
  for (let i = 0; i < 64 && !raw.isClosed; i += 1) raw.write(chunk);
  assert.equal((await raw.reply())?.status, 413, 'chunked');
  raw.end();
  const text = await people.alice.call('POST', '/api/v1/statuses', { json: { status: 'x'.repeat(900_000) } });
  assert.equal(text.status, 422);
  await stillWell();
});

test('broken framing', async () => {
  for (const [what, bytes] of Object.entries({
    'two lengths': `${head('POST', '/api/v1/statuses', { ...bearer(), 'Content-Length': 5 }).slice(0, -2)}Content-Length: 6\r\n\r\nhello!`,
    'length and chunks': `${head('POST', '/api/v1/statuses',
      { ...bearer(), 'Content-Length': 5, 'Transfer-Encoding': 'chunked' })}0\r\n\r\n`,
    'negative length': head('POST', '/api/v1/statuses', { ...bearer(), 'Content-Length': -1 }),
    'length that is no number': head('POST', '/api/v1/statuses', { ...bearer(), 'Content-Length': 'abc' }),
    'chunk size that is no number': `${head('POST', '/api/v1/statuses',
      { ...bearer(), 'Transfer-Encoding': 'chunked' })}zz\r\n`,
    'unknown encoding': head('POST', '/api/v1/statuses', { ...bearer(), 'Transfer-Encoding': 'gzip, chunked' }),
    'no HTTP at all': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS to a plain port \r\n\r\n',
    'no version': 'GET /\r\n\r\n',
    'future version': 'GET / HTTP/9.9\r\nHost: x\r\n\r\n',
    'folded header': 'GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\nB\r\n\r\n',
    'header without a name': 'GET / HTTP/1.1\r\nHost: x\r\n: value\r\n\r\n',
    'space before the colon': 'GET / HTTP/1.1\r\nHost : x\r\n\r\n',
    'NUL in a header': 'GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n',
  })) {
    const reply = await exchange(port, bytes);
    if (reply === null) continue;  // closed: what is not HTTP deserves no better
    assert.ok([400, 411, 413, 415, 422, 501, 505].includes(reply.status), `${what}: ${reply.status} ${reply.body}`);
  }
  await stillWell();
});

test('invalid UTF-8 and NUL bytes', async () => {
  const around = (bytes) => Buffer.concat([Buffer.from('{"status":"a'), Buffer.from(bytes), Buffer.from('b"}')]);
  for (const bytes of [[0xff], [0xc3], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf8, 0x88, 0x80, 0x80, 0x80], [0xf4, 0x90, 0x80, 0x80]]) {
    await expectJsonError(postJson(around(bytes)), [400, 422], bytes.join(' '));
  }
  await expectJsonError(postJson(around([0])), [400, 422], 'a raw NUL');
  await expectJsonError(postJson('{"status":"a\\u0000b"}'), [400, 422], 'an escaped NUL');
  for (const form of ['status=a%00b', 'status=%ff%fe', 'status=%c0%80', 'sta%00tus=x', 'status=%ed%a0%80']) {
    await expectJsonError(head('POST', '/api/v1/statuses', {
      ...bearer(), 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': form.length,
    }) + form, [400, 422], form);
  }
  for (const path of ['/api/v1/accounts/%00', '/api/v1/accounts/lookup?acct=%ff', '/%ff', '/%', '/%zz', '/%c0%ae%c0%ae/']) {
    await expectError(head('GET', path), [400, 404, 422], path);
  }
  await stillWell();
});

test('broken multipart forms', async () => {
  const send = (type, body) => expectError(head('PATCH', '/api/v1/accounts/update_credentials',
    { ...bearer(), 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) }) + body, [400, 413, 415, 422], body.slice(0, 60));
  const multipart = 'multipart/form-data; boundary=b';
  await send('multipart/form-data', '--b\r\n\r\n');
  await send(multipart, 'no part at all');
  await send(multipart, '--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n');
  await send(multipart, '--b\r\nContent-Disposition: form-data; name="note"\r\n\r\nnever closed');
  await send(multipart, `--b\r\nA: ${'x'.repeat(200_000)}\r\n\r\nx\r\n--b--\r\n`);
  await send(multipart, `${'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n'.repeat(5000)}--b--\r\n`);
  await send(`multipart/form-data; boundary=${'b'.repeat(5000)}`, 'x');
  await send('application/octet-stream', '\x01\x02');
  await send('text/xml', '<a/>');
  await stillWell();
});

test('header floods', async () => {
  const flood = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`X-${i}`, 'y']));
  await expectError(head('GET', '/api/v1/instance', flood), [400, 413, 431], 'many headers');
  await expectError(head('GET', '/api/v1/instance', { 'X-Long': 'y'.repeat(100_000) }), [400, 413, 431], 'a long header');
  await expectError(head('GET', `/api/v1/instance?${'y'.repeat(100_000)}`), [400, 413, 414, 431], 'a long address');
  const raw = await Raw.connect(port);
  raw.write('GET /api/v1/instance HTTP/1.1\r\n');
  for (let i = 0; i < 200 && !raw.isClosed; i += 1) raw.write(`X-${i}: ${'y'.repeat(1000)}\r\n`);
  await Promise.race([raw.closed, raw.reply()]);
  raw.end();
  await stillWell();
});

test('slow-loris: headers and bodies that never end are cut off while others are served', async () => {
  const slow = await Promise.all(Array.from({ length: 300 }, (_, i) => Raw.connect(port).then((raw) =>
    raw.write(i % 3 === 0 ? 'GET / HTTP/1.1\r\nX-' : i % 3 === 1
      ? head('POST', '/api/v1/statuses', { ...bearer(), 'Content-Type': 'application/json', 'Content-Length': 100 })
      : ''))));
  const drip = setInterval(() => slow.forEach((raw) => raw.write('a')), TIMEOUT_MS / 5);
  try {
    await stillWell();
    await Promise.race([
      Promise.all(slow.map((raw) => raw.closed)),
      new Promise((_, reject) => {
        setTimeout(() => reject(new Error(`${slow.filter((r) => !r.isClosed).length} are still open`)), 20 * TIMEOUT_MS).unref();
      }),
    ]);
  } finally {
    clearInterval(drip);
    slow.forEach((raw) => raw.end());
  }
  await stillWell();
});

test('a client that does not take its answers is cut off', async () => {
  const raw = await Raw.connect(port);
  raw.socket.pause();
  const request = head('GET', '/api/v1/instance');
  for (let i = 0; i < 20_000 && !raw.isClosed; i += 1) raw.write(request);
  await stillWell();
  raw.socket.resume();
  await Promise.race([raw.closed, new Promise((resolve) => { setTimeout(resolve, 10 * TIMEOUT_MS).unref(); })]);
  raw.end();
  await stillWell();
});

test('thousands of connections', async () => {
  const all = [];
  for (let i = 0; i < 2000; i += 1) all.push(Raw.connect(port).catch(() => null));
  const open = (await Promise.all(all)).filter(Boolean);
  assert.ok(open.length > 1000, `${open.length} of 2000 were let in`);
  await Promise.all(open.slice(0, 500).map((raw) => raw.write(head('GET', '/api/v1/instance')).reply()
    .then((reply) => assert.ok(reply === null || [200, 503].includes(reply.status), reply?.status))));
  await stillWell();
  open.forEach((raw) => raw.end());
  await eventually(stillWell);
});

test('pipelined requests are answered in order, up to the broken one', async () => {
  const raw = await Raw.connect(port);
  raw.write(head('GET', '/health') + head('GET', '/api/v1/nothing') + head('GET', '/api/v1/instance') + 'BROKEN\r\n\r\n');
  assert.equal((await raw.reply()).status, 200);
  assert.equal((await raw.reply()).status, 404);
  assert.equal((await raw.reply()).status, 200);
  const last = await raw.reply();
  assert.ok(last === null || last.status === 400);
  raw.end();
});

test('wild values in every parameter of posting and of profiles', async (t) => {
  const wild = [null, true, -1, 1e308, '', ' ', '\u202e', 'x'.repeat(5000), [], [[]], {}, [{ a: [1] }], ['x', 'y'], '../../etc'];
  const send = async (method, path, json) => {
    const reply = await people.alice.call(method, path, { json });
    assert.ok(reply.status < 500, `${path} ${JSON.stringify(json).slice(0, 80)}: ${reply.status}`);
  };
  for (const value of wild) {
    for (const key of ['status', 'visibility', 'spoiler_text', 'sensitive', 'language', 'in_reply_to_id', 'media_ids', 'poll', 'scheduled_at']) {
      await send('POST', '/api/v1/statuses', { status: 'wild', [key]: value });
    }
    for (const key of ['display_name', 'note', 'locked', 'bot', 'fields_attributes', 'source', 'avatar', 'header']) {
      await send('PATCH', '/api/v1/accounts/update_credentials', { [key]: value });
    }
    await send('POST', '/api/v1/apps', { client_name: value, redirect_uris: value, scopes: value, website: value });
    await send('POST', '/oauth/token', { grant_type: value, client_id: value, client_secret: value, code: value });
  }
  await stillWell();
  t.diagnostic(`resident after all this: ${Math.round(people.server.rssBytes() / 1024 / 1024)} MB`);
});
