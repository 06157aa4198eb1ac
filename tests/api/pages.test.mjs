// The pages for people, and what other programs look up about the server. No script anywhere.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startWithCast } from '../support/cast.mjs';
import { Api } from '../support/http.mjs';
import { assertReplies } from '../support/replies.mjs';
import { emailOf, passwordOf, Server } from '../support/server.mjs';
import { Browser, parseForms } from '../support/sign_in.mjs';

let people;
let url;
before(async () => {
  people = await startWithCast({ env: { STAMPEDE_REGISTRATIONS: 'open', STAMPEDE_TITLE: 'A <herd>' } });
  url = people.server.url;
});
after(async () => {
  await people.server.close();
  assertReplies();
});

async function page(path, status = 200, browser = new Browser(url)) {
  const shown = await browser.open(path);
  assert.equal(shown.status, status, `${path}: ${shown.html}`);
  assert.match(shown.headers.get('content-type'), /^text\/html/, path);
  assert.ok(!/<script|\son\w+=|javascript:/i.test(shown.html), `${path} has script`);
  assert.ok(!shown.html.includes('<herd>'), `${path}: the title is not escaped`);
  assert.match(shown.html, /<html lang="/);
  assert.match(shown.html, /<meta name="viewport"/);
  assert.match(shown.headers.get('content-security-policy') ?? '', /default-src 'none'/);
  assert.equal(shown.headers.get('x-content-type-options'), 'nosniff');
  return shown;
}

test('the front page shows public posts, how to connect a client, and nothing private', async () => {
  await people.alice.post('/api/v1/statuses', { status: 'seen by <everybody> & all' });
  await people.alice.post('/api/v1/statuses', { status: 'seen by followers', visibility: 'private' });
  const { html } = await page('/');
  assert.match(html, /seen by &lt;everybody&gt; &amp; all/);
  assert.ok(!html.includes('seen by followers'));
  assert.ok(html.includes(new URL(url).host), 'what to type into a client');
});

test('a profile and a post have pages that everybody may see', async () => {
  const { id } = await people.alice.post('/api/v1/statuses', { status: 'a post with a page' });
  const hidden = await people.alice.post('/api/v1/statuses', { status: 'no page', visibility: 'private' });
  assert.match((await page('/@alice')).html, /a post with a page/);
  assert.match((await page(`/@alice/${id}`)).html, /a post with a page/);
  for (const path of ['/@nobody', `/@alice/${hidden.id}`, '/@alice/abc', '/@']) await page(path, 404);
  for (const path of [`/@bob/${id}`, `/users/alice/statuses/${id}`]) {
    assert.equal((await page(path)).url.pathname, `/@alice/${id}`, 'leads to the one address of the post');
  }
  assert.equal((await page('/users/alice')).url.pathname, '/@alice');
  const reply = await people.bob.post('/api/v1/statuses', { status: 'an answer', in_reply_to_id: id });
  assert.ok(!(await page('/@bob')).html.includes('an answer'));
  assert.match((await page('/@bob/with_replies')).html, /an answer/);
  assert.match((await page(`/@alice/${id}`)).html, /an answer/);
  assert.match((await page(`/@bob/${reply.id}`)).html, /a post with a page/);
});

test('the pages link to nothing that is missing', async () => {
  const seen = new Set();
  const queue = ['/', '/about', '/privacy-policy', '/auth/sign_in', '/auth/sign_up', '/@alice'];
  while (queue.length > 0) {
    const path = queue.pop();
    if (seen.has(path) || seen.size > 100) continue;
    seen.add(path);
    const reply = await fetch(new URL(path, url));
    assert.ok(reply.status < 400, `${path}: ${reply.status}`);
    if (!/html/.test(reply.headers.get('content-type'))) continue;
    for (const [, link] of (await reply.text()).matchAll(/(?:href|src)="([^"#]+)"/g)) {
      const target = new URL(link.replaceAll('&amp;', '&'), url);
      if (target.origin === url) queue.push(target.pathname + target.search);
    }
  }
  assert.ok(seen.size > 8, [...seen].join(' '));
});

test('one signs in and out in the browser', async () => {
  const browser = new Browser(url);
  const form = parseForms((await page('/auth/sign_in', 200, browser)).html).find((f) => f.fields.return_to !== undefined);
  const inside = await browser.submit({ url: new URL('/auth/sign_in', url) }, form,
    { login: 'alice', password: passwordOf('alice'), return_to: '//evil.example/' });
  assert.equal(inside.left, undefined, 'never sent to another site');
  assert.equal(inside.status, 200);
  const leaving = await page('/auth/sign_out', 200, browser);
  assert.match(leaving.html, /@alice/);
  const cookie = new Map(browser.cookies);
  await browser.submit(leaving, parseForms(leaving.html).find((f) => f.action.includes('sign_out')));
  const stolen = new Browser(url);
  stolen.cookies = cookie;
  assert.doesNotMatch((await page('/auth/sign_out', 200, stolen)).html, /@alice/, 'the old cookie is worth nothing');
});

test('one signs up in the browser', async () => {
  const browser = new Browser(url);
  const shown = await page('/auth/sign_up', 200, browser);
  const form = parseForms(shown.html).find((f) => f.inputs.some((i) => i.name === 'username'));
  const person = { username: 'dora', email: emailOf('dora'), password: passwordOf('dora'), agreement: 'true' };
  for (const wrong of [{ username: 'alice' }, { email: 'x' }, { password: 'short' }, { agreement: '' }]) {
    const again = await browser.submit(shown, form, { ...person, ...wrong });
    assert.equal(again.status, 422, JSON.stringify(wrong));
    assert.ok(!again.html.includes(passwordOf('dora')));
  }
  assert.equal((await browser.submit(shown, form, person)).status, 200);
  assert.match((await page('/auth/sign_out', 200, browser)).html, /@dora/);
  await people.anyone.get('/api/v1/accounts/lookup', { acct: 'dora' });
});

test('forms that another site sends are refused', async () => {
  for (const [path, fields] of [
    ['/auth/sign_in', { login: 'alice', password: passwordOf('alice') }],
    ['/auth/sign_up', { username: 'eve', email: emailOf('eve'), password: passwordOf('eve'), agreement: 'true' }],
    ['/auth/sign_out', {}],
  ]) {
    const reply = await new Browser(url).open(path, { method: 'POST', body: new URLSearchParams(fields) });
    assert.equal(reply.status, 403, path);
  }
});

test('closed registrations show so', async () => {
  const server = await Server.start({ env: { STAMPEDE_REGISTRATIONS: 'closed' } });
  try {
    const shown = await new Browser(server.url).open('/auth/sign_up');
    assert.equal(shown.status, 403);
    assert.equal(parseForms(shown.html).length, 0);
  } finally {
    await server.close();
  }
});

test('other programs find the server: NodeInfo, host-meta, WebFinger', async () => {
  const anyone = new Api(url);
  const links = await anyone.get('/.well-known/nodeinfo');
  const info = await anyone.get(new URL(links.links[0].href).pathname);
  assert.equal(info.version, '2.0');
  assert.ok(info.usage.users.total >= 3);
  const meta = await anyone.call('GET', '/.well-known/host-meta');
  assert.match(meta.text, /rel="lrdd" template="http[^"]*\/\.well-known\/webfinger\?resource=\{uri\}"/);
  const host = new URL(url).host;
  const finger = await anyone.call('GET', '/.well-known/webfinger', { query: { resource: `acct:alice@${host}` } });
  assert.match(finger.headers.get('content-type'), /^application\/jrd\+json/);
  assert.equal(finger.body.subject, `acct:alice@${host}`);
  for (const [resource, status] of [
    [`acct:nobody@${host}`, 404], ['acct:alice@elsewhere.example', 404], ['nonsense', 404], ['', 400],
  ]) {
    assert.equal((await anyone.call('GET', '/.well-known/webfinger', { query: { resource } })).status, status, resource);
  }
});

test('files of the pages are there', async () => {
  for (const [path, type] of [
    ['/robots.txt', /^text\/plain/], ['/favicon.svg', /^image\/svg/], ['/manifest', /^application\/manifest\+json/],
    ['/favicon.ico', /^image\//],
  ]) {
    const reply = await fetch(new URL(path, url));
    assert.equal(reply.status, 200, path);
    assert.match(reply.headers.get('content-type'), type);
  }
  const manifest = await new Api(url).get('/manifest');
  for (const { src } of manifest.icons) assert.equal((await fetch(new URL(src, url))).status, 200, src);
});
