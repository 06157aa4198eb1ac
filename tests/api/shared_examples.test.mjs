// What holds for every route, applied to every row that the program itself lists: a valid request
// succeeds; no token, a wrong one, a wrong scope, a token without a member, an unknown id and somebody
// else's property are refused in the same way everywhere; pages have the same edges.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startWithCast } from '../support/cast.mjs';
import { eventually } from '../support/eventually.mjs';
import { Api } from '../support/http.mjs';
import { assertReplies } from '../support/replies.mjs';
import { loadRoutes } from '../support/routes.mjs';
import { appToken, OOB, registerApp, tokenFor } from '../support/sign_in.mjs';

const routes = await loadRoutes();
const isApi = (row) => row.path.startsWith('/api/');
const name = (row) => `${row.method} ${row.path}`;
const UNKNOWN = '111111111111111111';

let people;
let url;
const tokens = new Map();

before(async () => {
  people = await startWithCast({ env: { STAMPEDE_REGISTRATIONS: 'open' } });
  url = people.server.url;
  await people.charlie.expect(200, 'PATCH', '/api/v1/accounts/update_credentials', { form: { locked: 'true' } });
});
after(async () => {
  await people.server.close();
  assertReplies();
});

// A token of alice with just these scopes.
async function tokenWith(scopes) {
  if (!tokens.has(scopes)) tokens.set(scopes, await tokenFor(url, 'alice', { scopes }));
  return tokens.get(scopes);
}

const newStatus = async (who = people.alice) => (await who.post('/api/v1/statuses', { status: 'an example' })).id;

async function newNotification() {
  const status = await newStatus();
  await people.bob.post(`/api/v1/statuses/${status}/favourite`);
  return eventually(async () => {
    const [first] = await people.alice.get('/api/v1/notifications', { limit: 1 });
    assert.equal(first?.status?.id, status);
    return first.id;
  });
}

async function newRequest() {
  await people.alice.post(`/api/v1/accounts/${people.charlie.id}/unfollow`);
  await people.alice.post(`/api/v1/accounts/${people.charlie.id}/follow`);
  return people.alice.id;
}

// What the one `:id` of an API path names, made afresh.
async function freshId(path) {
  if (path.startsWith('/api/v1/accounts/')) {
    await people.alice.post(`/api/v1/accounts/${people.bob.id}/unblock`);
    return people.bob.id;
  }
  if (path.startsWith('/api/v1/statuses/')) return newStatus();
  if (path.startsWith('/api/v1/notifications/')) return newNotification();
  if (path.startsWith('/api/v1/follow_requests/')) return newRequest();
  throw new Error(`say in freshId() what ${path} needs`);
}

let counter = 0;

// Requests that need more than a fresh id: {path, who, query, json, form}.
const VALID = {
  'POST /api/v1/apps': () => ({ json: { client_name: 'x', redirect_uris: OOB } }),
  'POST /api/v1/accounts': async () => ({
    who: new Api(url, await appToken(url)),
    json: {
      username: `member${counter += 1}`, email: `member${counter}@example.org`, password: 'long enough a password',
      agreement: true, locale: 'en', reason: 'tests',
    },
  }),
  'GET /api/v1/accounts': () => ({ query: { 'id[]': [people.bob.id] } }),
  'GET /api/v1/statuses': async () => ({ query: { 'id[]': [await newStatus()] } }),
  'GET /api/v1/accounts/lookup': () => ({ query: { acct: 'bob' } }),
  'GET /api/v1/accounts/search': () => ({ query: { q: 'bob' } }),
  'GET /api/v2/search': () => ({ query: { q: 'bob' } }),
  'GET /api/v1/accounts/relationships': () => ({ query: { 'id[]': [people.bob.id] } }),
  'GET /api/v1/accounts/familiar_followers': () => ({ query: { 'id[]': [people.bob.id] } }),
  'POST /api/v1/statuses': () => ({ json: { status: 'an example' } }),
  'POST /api/v1/follow_requests/:id/authorize': () => ({ who: people.charlie }),
  'POST /api/v1/follow_requests/:id/reject': () => ({ who: people.charlie }),
  'POST /api/v1/markers': async () => ({ json: { home: { last_read_id: await newStatus() } } }),
  'GET /api/v1/markers': () => ({ query: { 'timeline[]': ['home', 'notifications'] } }),
  'GET /.well-known/webfinger': () => ({ query: { resource: `acct:alice@${new URL(url).host}` } }),
  'GET /nodeinfo/2.0': () => ({}),
  'GET /oauth/userinfo': async () => ({ who: new Api(url, await tokenWith('profile')) }),
  'POST /oauth/userinfo': async () => ({ who: new Api(url, await tokenWith('profile')) }),
  'POST /oauth/token': async () => {
    const app = await registerApp(url);
    return {
      form: {
        grant_type: 'client_credentials', client_id: app.client_id, client_secret: app.client_secret, scope: 'read',
      },
    };
  },
  'POST /oauth/revoke': async () => {
    const app = await registerApp(url);
    return {
      form: {
        client_id: app.client_id, client_secret: app.client_secret,
        token: await tokenFor(url, 'alice', { app }),
      },
    };
  },
};

async function validRequest(row) {
  const request = { who: people.alice, path: row.path, ...(await VALID[name(row)]?.()) };
  if (request.path.includes(':id')) {
    request.path = request.path.replace(/:id\b/, await freshId(row.path));
  }
  return request;
}

const send = (row, who, { path, query, json, form } = {}) => {
  const options = { query };
  if (json !== undefined) options.json = json;
  if (form !== undefined) options.form = form;
  return who.call(row.method, path ?? row.path.replace(/:\w+/g, UNKNOWN), options);
};

for (const row of routes.filter((r) => isApi(r) || r.path.startsWith('/.well-known') || r.path === '/health'
    || name(r) in VALID)) {
  test(`${name(row)}: a valid request succeeds`, async () => {
    const { who, ...request } = await validRequest(row);
    const reply = await send(row, who, request);
    assert.ok(reply.status >= 200 && reply.status < 300, `${reply.status} ${reply.text}`);
    if (row.method === 'GET') {
      const slashed = await send(row, who, { ...request, path: `${request.path}/` });
      assert.equal(slashed.status, reply.status, 'also with a slash at the end');
    }
  });
}

for (const row of routes.filter((r) => r.auth === 'user' || r.auth === 'app')) {
  test(`${name(row)}: without a token 401`, async () => {
    const reply = await send(row, new Api(url));
    assert.equal(reply.status, 401, reply.text);
    assert.match(reply.headers.get('www-authenticate'), /^Bearer/);
  });
}

for (const row of routes.filter((r) => r.auth !== 'none')) {
  test(`${name(row)}: with a token nobody issued 401`, async () => {
    const reply = await send(row, new Api(url, 'nobody-issued-this'));
    assert.equal(reply.status, 401, reply.text);
    assert.equal(reply.body.error, 'The access token is invalid');
  });
}

for (const row of routes.filter((r) => r.auth !== 'none' && r.scopes.length > 0)) {
  test(`${name(row)}: with a token of another scope 403`, async () => {
    const reply = await send(row, new Api(url, await tokenWith('push')));
    assert.equal(reply.status, 403, reply.text);
    assert.equal(reply.body.error, 'This action is outside the authorized scopes');
  });
  test(`${name(row)}: each of its scopes opens it`, async () => {
    for (const scope of row.auth === 'app' ? [] : row.scopes) {
      const reply = await send(row, new Api(url, await tokenWith(scope)));
      assert.ok(![401, 403].includes(reply.status) && reply.status < 500, `${scope}: ${reply.status} ${reply.text}`);
    }
  });
}

for (const row of routes.filter((r) => r.auth === 'user')) {
  test(`${name(row)}: with an app's token 422`, async () => {
    const scopes = row.scopes.join(' ') || 'read';
    const reply = await send(row, new Api(url, await appToken(url, scopes)));
    assert.equal(reply.status, 422, reply.text);
    assert.equal(reply.body.error, 'This method requires an authenticated user');
  });
}

for (const row of routes.filter((r) => isApi(r) && r.path.includes(':id'))) {
  test(`${name(row)}: with an unknown or impossible id 404`, async () => {
    for (const id of [UNKNOWN, '0', '-1', 'abc', '99999999999999999999999999', '%00', '1.5']) {
      const reply = await send(row, people.alice, { path: row.path.replace(/:id\b/, id) });
      const expected = id === '%00' ? [400, 404] : [404];
      assert.ok(expected.includes(reply.status), `${id}: ${reply.status} ${reply.text}`);
    }
  });
}

for (const row of routes.filter((r) => r.path.startsWith('/api/v1/statuses/:id') && r.auth !== 'none')) {
  test(`${name(row)}: a post that the caller may not see is not found`, async () => {
    const { id } = await people.charlie.post('/api/v1/statuses', { status: 'mine alone', visibility: 'direct' });
    const reply = await send(row, people.alice, { path: row.path.replace(':id', id) });
    assert.equal(reply.status, 404, reply.text);
    assert.ok(!reply.text.includes('mine alone'));
  });
}

const OWNED = {
  'DELETE /api/v1/statuses/:id': () => newStatus(people.bob),
  'PUT /api/v1/statuses/:id': () => newStatus(people.bob),
};
for (const row of routes.filter((r) => OWNED[name(r)] || r.path.startsWith('/api/v1/notifications/:id')
    || r.path.startsWith('/api/v1/follow_requests/:id'))) {
  test(`${name(row)}: somebody else's is not found`, async () => {
    const id = OWNED[name(row)] ? await OWNED[name(row)]() : await freshId(row.path);
    const intruder = row.path.includes('follow_requests') || row.path.includes('notifications')
      ? people.bob : people.alice;
    const reply = await send(row, intruder, { path: row.path.replace(':id', id) });
    assert.equal(reply.status, 404, reply.text);
  });
}

// Lists are the GET routes whose valid request is answered with an array.
for (const row of routes.filter((r) => isApi(r) && r.method === 'GET')) {
  test(`${name(row)}: when it is a list, its pages have the usual edges`, async (t) => {
    const { who, ...request } = await validRequest(row);
    const page = async (query) => {
      const reply = await send(row, who, { ...request, query: { ...request.query, ...query } });
      assert.equal(reply.status, 200, `${JSON.stringify(query)}: ${reply.status} ${reply.text}`);
      return reply.body;
    };
    if (!Array.isArray(await page({}))) {
      t.skip('is no list');
      return;
    }
    const paged = !['id[]'].some((key) => request.query?.[key]) && !/emojis|rules|peers|activity|languages/.test(row.path);
    if (paged) {
      assert.deepEqual(await page({ limit: 0 }), []);
      assert.ok((await page({ limit: 1 })).length <= 1);
      assert.ok((await page({ limit: 1_000_000 })).length <= 80);
      assert.ok((await page({ limit: -1 })).length <= 1, 'a limit is absolute');
    }
    for (const value of ['0', '-5', 'abc', '99999999999999999999999999', '', '1e9', ' 7']) {
      for (const cursor of ['max_id', 'since_id', 'min_id', 'limit']) await page({ [cursor]: value });
    }
  });
}

for (const path of new Set(routes.filter((r) => isApi(r)).map((r) => r.path))) {
  test(`OPTIONS ${path}: other origins are let in`, async () => {
    const reply = await new Api(url).call('OPTIONS', path.replace(/:\w+/g, UNKNOWN), {
      headers: {
        origin: 'https://client.example', 'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type,idempotency-key',
      },
    });
    assert.ok([200, 204].includes(reply.status), `${reply.status}`);
    assert.equal(reply.headers.get('access-control-allow-origin'), '*');
    const allowed = reply.headers.get('access-control-allow-headers').toLowerCase();
    for (const header of ['authorization', 'content-type', 'idempotency-key']) {
      assert.ok(allowed === '*' || allowed.includes(header), header);
    }
  });
}

test('what is no route is 404, and a wrong method never an error of ours', async () => {
  for (const [method, path] of [
    ['GET', '/api/v1/nothing'], ['GET', '/api/v9/instance'], ['POST', '/api/v1/timelines/home'],
    ['DELETE', '/api/v1/instance'], ['PUT', '/api/v1/statuses'], ['GET', '/api/v1/statuses/1/2/3/4'],
    ['PATCH', '/oauth/token'], ['GET', '/..%2f..%2fetc%2fpasswd'], ['GET', '/api//v1//instance'],
  ]) {
    const reply = await new Api(url).call(method, path);
    assert.ok([400, 404, 405].includes(reply.status), `${method} ${path}: ${reply.status}`);
  }
});
