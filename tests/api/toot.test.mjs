// What people do, through toot, the command-line client of Debian.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { startWithCast } from '../support/cast.mjs';
import { eventually } from '../support/eventually.mjs';
import { assertReplies } from '../support/replies.mjs';
import { emailOf, passwordOf } from '../support/server.mjs';
import { APPROVE, Browser, codeOf } from '../support/sign_in.mjs';

let people;
let host;
const home = fs.mkdtempSync(path.join(os.tmpdir(), 'stampede-toot-'));

before(async () => {
  people = await startWithCast();
  host = new URL(people.server.url).host;
});
after(async () => {
  await people.server.close();
  fs.rmSync(home, { recursive: true });
  assertReplies();
});

// Runs toot to its end and returns what it printed. `converse(printed, write)` is called whenever it
// printed more, for commands that ask.
function toot(args, converse) {
  const env = { ...process.env, XDG_CONFIG_HOME: home, HOME: home, NO_PROXY: '127.0.0.1', BROWSER: 'true' };
  const child = spawn('toot', [...args, '--no-color'], { env });
  let out = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
    converse?.(out, (line) => child.stdin.write(`${line}\n`));
  });
  child.stderr.on('data', (chunk) => { out += chunk; });
  if (!converse) child.stdin.end();
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => (code === 0 && !/^Error/m.test(out) ? resolve(out)
      : reject(new Error(`toot ${args.join(' ')}: ${code}\n${out}`))));
  });
}

// toot prints the address of the consent page and waits for the code that the page shows.
async function login(name) {
  let opened = false;
  let answered = false;
  const printed = await toot(['login', '--instance', host, '--disable-https'], (out, write) => {
    if (!answered && out.includes('[Y/n]')) {
      answered = true;
      write('n');
    }
    const address = /This is the login URL:\s+(http\S+)/.exec(out)?.[1];
    if (!opened && address && out.includes('Authorization code:')) {
      opened = true;
      consentTo(name, address).then(write, (error) => write(`failed: ${error.message}`));
    }
  });
  assert.match(printed, /Successfully logged in/i);
}

async function consentTo(name, address) {
  const browser = new Browser(people.server.url);
  const page = await browser.signIn(address, emailOf(name), passwordOf(name));
  return codeOf(await browser.decide(page, APPROVE));
}

const as = (name, args) => toot([...args, '--using', `${name}@${host}`]);
const latest = async (who) =>
  (await people[who].get(`/api/v1/accounts/${people[who].id}/statuses`, { limit: 1 }))[0];

test('registers itself and signs two members in through the consent page', async () => {
  await login('alice');
  await login('bob');
  assert.match(await toot(['auth']), new RegExp(`alice@${host}`));
  assert.match(await as('alice', ['whoami']), /@alice/);
  assert.match(await toot(['instance', host, '--disable-https']), /Stampede/);
});

test('posts, follows and reads home', async () => {
  await as('bob', ['post', 'hello from #toot', '--visibility', 'public', '--spoiler-text', 'a greeting', '--language', 'en']);
  const made = await latest('bob');
  assert.equal(made.spoiler_text, 'a greeting');
  await as('alice', ['follow', 'bob']);
  await eventually(async () => assert.match(await as('alice', ['timeline', '--once']), /hello from #toot/));
  assert.match(await as('alice', ['timeline', '--once', '--public', '--local']), /hello from #toot/);
  assert.match(await as('alice', ['following', 'alice']), /bob/);
  assert.match(await as('bob', ['followers', 'bob']), /alice/);
  assert.match(await as('alice', ['whois', 'bob']), /@bob/);
});

test('replies, and shows the thread', async () => {
  const root = await latest('bob');
  await as('alice', ['post', '@bob welcome', '--reply-to', root.id]);
  const thread = await as('bob', ['thread', root.id]);
  assert.match(thread, /hello from #toot[\s\S]*welcome/);
});

test('favourites, boosts, and takes both back', async () => {
  const { id } = await latest('bob');
  await as('alice', ['favourite', id]);
  await as('alice', ['reblog', id]);
  await toot(['activate', `bob@${host}`]);
  assert.match(await toot(['reblogged_by', id]), /alice/);
  const status = () => people.anyone.get(`/api/v1/statuses/${id}`);
  assert.deepEqual([(await status()).favourites_count, (await status()).reblogs_count], [1, 1]);
  await eventually(async () => {
    const printed = await as('bob', ['notifications']);
    for (const words of [/favourited your/, /reblogged your/, /mentioned you/, /now follows you/]) assert.match(printed, words);
  });
  await as('alice', ['unfavourite', id]);
  await as('alice', ['unreblog', id]);
  assert.deepEqual([(await status()).favourites_count, (await status()).reblogs_count], [0, 0]);
  await as('bob', ['notifications', '--clear']);
  assert.match(await as('bob', ['notifications']), /No notification/);
});

test('mutes, blocks, unfollows and deletes', async () => {
  await as('alice', ['mute', 'bob']);
  await as('alice', ['unmute', 'bob']);
  await as('alice', ['block', 'bob']);
  await as('alice', ['unblock', 'bob']);
  await as('alice', ['follow', 'bob']);
  await as('alice', ['unfollow', 'bob']);
  const { id } = await latest('bob');
  await as('bob', ['delete', id]);
  assert.equal((await people.anyone.call('GET', `/api/v1/statuses/${id}`)).status, 404);
});
