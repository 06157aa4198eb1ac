// The program as scripts and operators use it: commands, exit codes, restarts, the demo.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { Api } from '../support/http.mjs';
import { exchange } from '../support/raw.mjs';
import { assertReplies } from '../support/replies.mjs';
import { loadRoutes } from '../support/routes.mjs';
import { binary, emailOf, passwordOf, Server } from '../support/server.mjs';
import {
  APPROVE, authorizeAddress, Browser, codeOf, exchangeCode, registerApp, tokenFor,
} from '../support/sign_in.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'stampede-cli-'));
after(() => {
  fs.rmSync(folder, { recursive: true });
  assertReplies();
});

// {code, out, err}, whatever the code.
function command(args, env = {}) {
  return new Promise((resolve) => {
    execFile(binary, args, { env: { ...process.env, ...env }, timeout: 20_000 }, (error, out, err) =>
      resolve({ code: error ? error.code ?? -1 : 0, out, err }));
  });
}

test('every command has help', async () => {
  const top = await command(['--help']);
  assert.equal(top.code, 0);
  for (const name of ['serve', 'user', 'routes', 'settings', 'backup', 'restore', 'store']) assert.match(top.out, new RegExp(`\\b${name}\\b`));
  for (const args of [['serve'], ['user'], ['user', 'create'], ['routes'], ['settings'], ['backup'], ['restore'],
    ['store'], ['store', 'verify'], ['store', 'copy'], ['store', 'init']]) {
    const help = await command([...args, '--help']);
    assert.equal(help.code, 0, args.join(' '));
    assert.ok(help.out.length > 50);
  }
  assert.match((await command(['--version'])).out, /\d+\.\d+\.\d+/);
});

test('mistakes are named on standard error with an exit code of their own', async () => {
  for (const [args, words] of [
    [['dance'], /dance|subcommand/i],
    [[], /subcommand|usage/i],
    [['serve', '--dance'], /dance/],
    [['serve', '--data', '/proc/nowhere/data', '--listen', '127.0.0.1:0'], /\/proc\/nowhere/],
    [['serve', '--data', path.join(folder, 'a'), '--listen', 'nonsense'], /nonsense/],
    [['serve', '--data', path.join(folder, 'a'), '--config', '/nowhere.toml'], /nowhere\.toml/],
    [['user', 'create', 'no good', '--email', 'a@example.org', '--password', 'long enough', '--data', path.join(folder, 'b')], /username/i],
    [['user', 'create', 'alice', '--email', 'no address', '--password', 'long enough', '--data', path.join(folder, 'b')], /e-?mail/i],
  ]) {
    const { code, out, err } = await command(args);
    assert.ok(code > 0, `${args.join(' ')}: ${code} ${out}`);
    assert.match(err, words, args.join(' '));
  }
  const bad = await command(['serve', '--data', path.join(folder, 'a'), '--listen', '127.0.0.1:0'],
    { STAMPEDE_REGISTRATIONS: 'sometimes', STAMPEDE_BASE_URL: 'http://localhost:1' });
  assert.ok(bad.code > 0);
  assert.match(bad.err, /registrations/i);
});

test('a member is created once', async () => {
  const args = ['user', 'create', 'alice', '--email', emailOf('alice'), '--password', passwordOf('alice'),
    '--confirmed', '--data', path.join(folder, 'c')];
  assert.equal((await command(args)).code, 0);
  const again = await command(args);
  assert.ok(again.code > 0);
  assert.match(again.err, /taken/i);
});

test('the tables of routes and settings are printed for tools', async () => {
  const routes = await loadRoutes();
  assert.ok(routes.length > 40);
  assert.ok(routes.every((row) => /^(GET|POST|PUT|PATCH|DELETE|HEAD)$/.test(row.method)
    && row.path.startsWith('/') && ['none', 'optional', 'app', 'user'].includes(row.auth)));
  const settings = (await command(['settings'])).out;
  assert.match(settings, /STAMPEDE_BASE_URL/);
  const page = fs.readFileSync(new URL('../../docs/settings.md', import.meta.url), 'utf8');
  assert.ok(page.includes(settings.trim()), 'docs/settings.md is not what `stampede settings` prints');
});

test('settings come from a file, and the environment wins', async () => {
  const config = path.join(folder, 'stampede.toml');
  fs.writeFileSync(config, 'title = "From the file"\nregistrations = "closed"\n');
  const server = await Server.start({ args: ['--config', config], env: { STAMPEDE_REGISTRATIONS: 'open' } });
  try {
    const instance = await new Api(server.url).get('/api/v2/instance');
    assert.equal(instance.title, 'From the file');
    assert.equal(instance.registrations.enabled, true);
  } finally {
    await server.close();
  }
});

test('all is there after an orderly restart, and a second server on the same data is refused', async () => {
  const server = await Server.start({ users: ['alice'] });
  try {
    const token = await tokenFor(server.url, 'alice');
    const alice = new Api(server.url, token);
    const { id } = await alice.post('/api/v1/statuses', { status: 'before the restart' });
    const second = await command(['serve', '--data', server.dataDir, '--listen', '127.0.0.1:0'],
      { STAMPEDE_BASE_URL: 'http://localhost:1' });
    assert.ok(second.code > 0, 'two servers on one data directory');
    assert.equal(await server.stop(), 0);
    await server.launch();
    assert.equal((await alice.get(`/api/v1/statuses/${id}`)).id, id);
    assert.equal((await alice.get('/api/v1/timelines/home'))[0].id, id);
  } finally {
    await server.close();
  }
});

test('a stop finishes what was accepted', async () => {
  const server = await Server.start({ users: ['alice'] });
  try {
    const token = await tokenFor(server.url, 'alice');
    const posts = Array.from({ length: 50 }, (_, i) =>
      new Api(server.url, token).call('POST', '/api/v1/statuses', { json: { status: `post ${i}` } })
        .then((reply) => reply.status, () => 'refused'));
    await Promise.race(posts);
    const [code, answers] = await Promise.all([server.stop(), Promise.all(posts)]);
    assert.equal(code, 0);
    const done = answers.filter((status) => status === 200).length;
    assert.ok(answers.every((status) => [200, 503, 'refused'].includes(status)), answers.join(' '));
    await server.launch();
    const listed = await new Api(server.url, token).all('/api/v1/timelines/home', { limit: 40 });
    assert.equal(listed.length, done, 'what was answered is what is stored');
  } finally {
    await server.close();
  }
});

test('metrics and health are for the operator', async () => {
  const server = await Server.start();
  try {
    assert.equal((await fetch(`${server.url}/health`)).status, 200);
    assert.equal((await fetch(`${server.url}/metrics`)).status, 404, 'not where the public is');
    const metrics = await (await fetch(`http://${server.env.STAMPEDE_METRICS_LISTEN}/metrics`)).text();
    assert.match(metrics, /^# TYPE stampede_\w+ (counter|gauge|histogram)$/m);
  } finally {
    await server.close();
  }
});

test('the demo shows something alive, to people and to clients, and signs in by name', async () => {
  const server = await Server.start({ args: ['--demo'] });
  try {
    const page = await fetch(server.url);
    const html = await page.text();
    assert.equal(page.status, 200);
    assert.match(page.headers.get('content-type'), /text\/html/);
    assert.match(page.headers.get('content-security-policy'), /default-src 'none'|default-src 'self'/);
    assert.ok(!html.includes('<script'));
    assert.match(html, /<meta name="viewport"/);
    assert.match(html, /alice|bob|charlie/);
    for (const [, address] of html.matchAll(/(?:href|src)="(\/[^"]*)"/g)) {
      const reply = await fetch(new URL(address.replace(/&amp;/g, '&'), server.url));
      assert.ok(reply.status < 400, `${address}: ${reply.status}`);
    }
    const anyone = new Api(server.url);
    const instance = await anyone.get('/api/v1/instance');
    assert.ok(instance.stats.user_count >= 20 && instance.stats.status_count >= 50);
    const app = await registerApp(server.url);
    const browser = new Browser(server.url);
    const account = await anyone.get('/api/v1/accounts/lookup', { acct: 'alice' });
    const consent = await browser.signIn(authorizeAddress(server.url, app), 'alice', 'alice');
    const { body } = await exchangeCode(server.url, app, codeOf(await browser.decide(consent, APPROVE)));
    const home = await new Api(server.url, body.access_token).get('/api/v1/timelines/home');
    assert.equal(home.length, 20);
    assert.ok(home.some((status) => status.reblog));
    assert.ok(account.followers_count > 0 && account.following_count > 0);
    await server.stop();
    await server.launch();
    assert.equal((await anyone.get('/api/v1/instance')).stats.user_count, instance.stats.user_count,
      'a second start makes no second demo');
  } finally {
    await server.close();
  }
});

test('HTTP that people type: HEAD, trailing slashes, a page for what is not found', async () => {
  const server = await Server.start();
  try {
    const head = await fetch(server.url, { method: 'HEAD' });
    assert.equal(head.status, 200);
    const raw = await exchange(server.port, 'GET /api/v1/instance/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    assert.equal(raw.status, 200);
    const missing = await fetch(`${server.url}/no/such/page`, { headers: { accept: 'text/html' } });
    assert.equal(missing.status, 404);
  } finally {
    await server.close();
  }
});
