// How an application gets a token: registration, the sign-in and consent pages, PKCE, revocation
// (RFC 6749, 7636, 7009; docs.joinmastodon.org/methods/oauth).
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { acrossServers } from '../support/eventually.mjs';
import { Api } from '../support/http.mjs';
import { assertReplies } from '../support/replies.mjs';
import { emailOf, passwordOf, Server } from '../support/server.mjs';
import {
  ALL_SCOPES, APPROVE, appToken, authorizeAddress, Browser, codeOf, DENY, exchangeCode, makePkce, OOB,
  parseForms, registerApp, tokenFor,
} from '../support/sign_in.mjs';

const CALLBACK = 'http://127.0.0.1:5314/api/social.test/oauth/http%3A%2F%2F127.0.0.1%3A5314';
let server;

before(async () => { server = await Server.start({ users: ['alice'] }); });
after(async () => {
  await server.close();
  assertReplies();
});

const consent = (address, browser = new Browser(server.url)) =>
  browser.signIn(address, emailOf('alice'), passwordOf('alice')).then((page) => ({ browser, page }));

const whoIs = (token) => new Api(server.url, token).call('GET', '/api/v1/accounts/verify_credentials');

test('an app is registered from JSON and from a form, with one or several redirect addresses', async () => {
  const anyone = new Api(server.url);
  const one = await anyone.post('/api/v1/apps', {
    client_name: 'One', redirect_uris: CALLBACK, scopes: 'read', website: 'https://example.org',
  });
  assert.equal(one.redirect_uri, CALLBACK);
  assert.deepEqual(one.redirect_uris, [CALLBACK]);
  assert.deepEqual(one.scopes, ['read']);
  assert.equal(one.website, 'https://example.org');
  const two = await anyone.expect(200, 'POST', '/api/v1/apps', {
    form: { client_name: 'Two', redirect_uris: `${OOB}\nhttps://example.org/back` },
  });
  assert.deepEqual(two.redirect_uris, [OOB, 'https://example.org/back']);
  assert.deepEqual(two.scopes, ['read']);
  for (const bad of [
    { client_name: '', redirect_uris: OOB },
    { client_name: 'x', redirect_uris: '' },
    { client_name: 'x', redirect_uris: 'not an address' },
    { client_name: 'x', redirect_uris: 'javascript:alert(1)' },
    { client_name: 'x', redirect_uris: OOB, scopes: 'everything' },
  ]) {
    const reply = await anyone.call('POST', '/api/v1/apps', { json: bad });
    assert.equal(reply.status, 422, JSON.stringify(bad));
  }
});

test('the discovery document names what there is', async () => {
  const document = await new Api(server.url).get('/.well-known/oauth-authorization-server');
  assert.equal(document.issuer.replace(/\/$/, ''), server.url);
  assert.equal(document.token_endpoint, `${server.url}/oauth/token`);
  assert.deepEqual(document.code_challenge_methods_supported, ['S256']);
  assert.ok(document.scopes_supported.includes('read:statuses'));
});

test('a member signs in, consents, and the code is shown to be copied', async () => {
  const app = await registerApp(server.url);
  const { browser, page } = await consent(authorizeAddress(server.url, app));
  assert.match(page.html, /Tests/, 'the page says which app asks');
  const done = await browser.decide(page, APPROVE);
  assert.equal(done.left, undefined);
  const reply = await exchangeCode(server.url, app, codeOf(done));
  assert.equal(reply.status, 200, reply.text);
  assert.equal(reply.body.token_type, 'Bearer');
  assert.equal(reply.body.scope, ALL_SCOPES);
  assert.match(reply.headers.get('cache-control'), /no-store/);
  assert.equal((await whoIs(reply.body.access_token)).body.username, 'alice');
  const again = await exchangeCode(server.url, app, codeOf(done));
  assert.equal(again.status, 400, 'a code works once');
  assert.equal(again.body.error, 'invalid_grant');
});

test('a redirect address comes back exactly as registered, with code and state', async () => {
  const app = await registerApp(server.url, { redirectUris: `${OOB}\n${CALLBACK}` });
  const { browser, page } = await consent(
    authorizeAddress(server.url, app, { redirectUri: CALLBACK, state: 'a b&c=1', force_login: 'true', lang: 'en' }));
  const done = await browser.decide(page, APPROVE);
  assert.ok(done.left.href.startsWith(`${CALLBACK}?`), done.left.href);
  assert.equal(done.left.searchParams.get('state'), 'a b&c=1');
  const wrong = await exchangeCode(server.url, app, codeOf(done), { redirectUri: OOB });
  assert.equal(wrong.body.error, 'invalid_grant', 'the address must be that of the code');
});

test('whoever signed in once only has to consent to the next app', async () => {
  const first = await consent(authorizeAddress(server.url, await registerApp(server.url)));
  const page = await first.browser.open(authorizeAddress(server.url, await registerApp(server.url)));
  assert.ok(!parseForms(page.html).some((f) => f.inputs.some((i) => i.type === 'password')));
  assert.ok(codeOf(await first.browser.decide(page, APPROVE)));
});

test('refusing consent tells the app so', async () => {
  const app = await registerApp(server.url, { redirectUris: CALLBACK });
  const { browser, page } = await consent(
    authorizeAddress(server.url, app, { redirectUri: CALLBACK, state: 's' }));
  const done = await browser.decide(page, DENY);
  assert.equal(done.left.searchParams.get('error'), 'access_denied');
  assert.equal(done.left.searchParams.get('state'), 's');
  assert.equal(done.left.searchParams.get('code'), null);
});

test('a redirect address, client or scope that was not registered is never redirected to', async () => {
  const app = await registerApp(server.url, { redirectUris: CALLBACK, scopes: 'read' });
  for (const [what, address] of Object.entries({
    redirect: authorizeAddress(server.url, app, { redirectUri: 'https://evil.example/', scope: 'read' }),
    prefix: authorizeAddress(server.url, app, { redirectUri: `${CALLBACK}/more`, scope: 'read' }),
    client: authorizeAddress(server.url, { client_id: 'nobody' }, { redirectUri: CALLBACK, scope: 'read' }),
  })) {
    const page = await new Browser(server.url).open(address);
    assert.equal(page.left, undefined, what);
    assert.ok(page.status >= 400 && page.status < 500, `${what}: ${page.status}`);
  }
  const more = await new Browser(server.url).open(
    authorizeAddress(server.url, app, { redirectUri: CALLBACK, scope: 'read write' }));
  if (more.left) assert.equal(more.left.searchParams.get('error'), 'invalid_scope');
  else assert.ok(more.status >= 400 && more.status < 500);
});

test('a wrong password shows the form again and signs nobody in', async () => {
  const app = await registerApp(server.url);
  const browser = new Browser(server.url);
  for (const [email, password] of [
    [emailOf('alice'), 'wrong'], ['nobody@example.org', 'wrong'], ['', ''],
  ]) {
    const page = await browser.signIn(authorizeAddress(server.url, app), email, password);
    const form = parseForms(page.html).find((f) => f.inputs.some((i) => i.type === 'password'));
    assert.ok(form, `still the sign-in form after ${email}`);
    assert.ok(!page.html.includes('wrong"'), 'the password is not shown again');
  }
});

test('PKCE: the token needs the verifier of the challenge', async () => {
  const app = await registerApp(server.url);
  const { verifier, challenge } = makePkce();
  const code = async () => {
    const { browser, page } = await consent(authorizeAddress(server.url, app, {
      code_challenge: challenge, code_challenge_method: 'S256',
    }));
    return codeOf(await browser.decide(page, APPROVE));
  };
  const without = await exchangeCode(server.url, app, await code());
  assert.equal(without.body.error, 'invalid_grant');
  const wrong = await exchangeCode(server.url, app, await code(), { code_verifier: `${verifier}x` });
  assert.equal(wrong.body.error, 'invalid_grant');
  const right = await exchangeCode(server.url, app, await code(), { code_verifier: verifier });
  assert.equal(right.status, 200, right.text);
  const plain = await new Browser(server.url).open(authorizeAddress(server.url, app, {
    code_challenge: verifier, code_challenge_method: 'plain',
  }));
  assert.ok(plain.status >= 400 || plain.left, 'only S256');
});

test('the consent page needs no script, forbids framing and lets pop-ups and redirects through', async () => {
  const app = await registerApp(server.url);
  for (const page of [
    await new Browser(server.url).open(authorizeAddress(server.url, app)),
    (await consent(authorizeAddress(server.url, app))).page,
  ]) {
    const policy = page.headers.get('content-security-policy') ?? '';
    assert.ok(!page.html.includes('<script'));
    assert.match(policy, /frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /form-action 'self'\s*(;|$)/);
    assert.notEqual(page.headers.get('cross-origin-opener-policy'), 'same-origin');
    assert.match(page.headers.get('cache-control'), /no-store/);
  }
});

test('a consent form that another site sends is refused', async () => {
  const app = await registerApp(server.url);
  const { browser, page } = await consent(authorizeAddress(server.url, app));
  const form = parseForms(page.html).find((f) => f.buttons.some((b) => APPROVE.test(b.text)));
  const button = form.buttons.find((b) => APPROVE.test(b.text));
  const hidden = form.inputs.filter((i) => /csrf|token|nonce/i.test(i.name ?? ''));
  assert.ok(hidden.length > 0, 'the form carries a secret of the session');
  const forged = Object.fromEntries(hidden.map((i) => [i.name, 'forged']));
  const done = await browser.submit(page, form, forged, button);
  assert.ok(!codeOf(done) && done.status >= 400, `${done.status}`);
});

test('client credentials give a token without a member', async () => {
  const token = await appToken(server.url, 'read');
  const app = await new Api(server.url, token).get('/api/v1/apps/verify_credentials');
  assert.equal(app.name, 'Tests');
  assert.equal(app.client_secret, undefined);
  assert.equal((await whoIs(token)).status, 422);
});

test('a revoked token no longer works, and only its app can revoke it', async () => {
  const app = await registerApp(server.url);
  const token = await tokenFor(server.url, 'alice', { app });
  const anyone = new Api(server.url);
  const stranger = await registerApp(server.url);
  const refused = await anyone.call('POST', '/oauth/revoke', {
    form: { client_id: stranger.client_id, client_secret: stranger.client_secret, token },
  });
  assert.equal(refused.status, 403);
  assert.equal((await whoIs(token)).status, 200);
  const done = await anyone.call('POST', '/oauth/revoke', {
    json: { client_id: app.client_id, client_secret: app.client_secret, token },
  });
  assert.equal(done.status, 200);
  await acrossServers(async () => {
    const after = await whoIs(token);
    assert.equal(after.status, 401);
    assert.match(after.headers.get('www-authenticate'), /^Bearer/);
  });
});

test('what is wrong with a token request is said in the words of OAuth', async () => {
  const app = await registerApp(server.url);
  const anyone = new Api(server.url);
  const ask = async (form) => (await anyone.call('POST', '/oauth/token', { form })).body.error;
  const client = { client_id: app.client_id, client_secret: app.client_secret };
  assert.equal(await ask({ ...client, client_secret: 'wrong', grant_type: 'client_credentials' }), 'invalid_client');
  assert.equal(await ask({ ...client, grant_type: 'magic' }), 'unsupported_grant_type');
  assert.equal(await ask({ ...client, grant_type: 'client_credentials', scope: 'admin:write' }), 'invalid_scope');
  assert.equal(await ask({ ...client, grant_type: 'authorization_code', code: 'x', redirect_uri: OOB }), 'invalid_grant');
});

test('a token is taken from the header, the query and the body', async () => {
  const token = await tokenFor(server.url, 'alice');
  const anyone = new Api(server.url);
  const me = '/api/v1/accounts/verify_credentials';
  assert.equal((await anyone.call('GET', me, { query: { access_token: token } })).status, 200);
  assert.equal((await anyone.call('GET', me, { headers: { authorization: `bearer ${token}` } })).status, 200);
  const posted = await anyone.call('POST', '/api/v1/statuses', { form: { access_token: token, status: 'hello' } });
  assert.equal(posted.status, 200);
  assert.equal((await anyone.call('GET', me, { headers: { authorization: 'Bearer nonsense' } })).status, 401);
});
