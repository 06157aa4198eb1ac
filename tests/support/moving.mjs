// What tests of saving and moving data share: commands to their end, members who go on posting, a copy under way.
import { execFile, spawn } from 'node:child_process';
import assert from 'node:assert/strict';
import { eventually } from './eventually.mjs';
import { binary, ServerProcess } from './server.mjs';

// {code, out, err}, whatever the code.
export function command(...args) {
  return new Promise((resolve) => {
    execFile(binary, args, { timeout: 120_000 }, (error, out, err) =>
      resolve({ code: error ? error.code ?? -1 : 0, out, err }));
  });
}

// The output of a command that must succeed.
export async function done(...args) {
  const { code, out, err } = await command(...args);
  assert.equal(code, 0, `${args.join(' ')}: ${out}${err}`);
  return out;
}

// Posts until told to stop or refused; `acknowledged` are the ids so far.
export function keepPosting(api) {
  const acknowledged = [];
  let posting = true;
  const one = async () => {
    while (posting) {
      const reply = await api.call('POST', '/api/v1/statuses', { json: { status: `post ${acknowledged.length}` } })
        .catch(() => ({ status: 'refused' }));  // the server is being stopped
      if (reply.status === 200) acknowledged.push(reply.body.id);
      else posting = false;
    }
  };
  const loops = [one(), one(), one()];
  return {
    acknowledged,
    more: (count) => {
      const wanted = acknowledged.length + count;
      return eventually(() => assert.ok(acknowledged.length >= wanted), { timeoutMs: 60_000 });
    },
    async stop() {
      posting = false;
      await Promise.all(loops);
    },
  };
}

export async function assertAllThere(api, ids) {
  for (const id of ids) await api.get(`/api/v1/statuses/${id}`);
}

const copies = new Set();

// For the end of a suite: no copy outlives a test that failed.
export function killCopies() {
  for (const child of copies) child.kill('SIGKILL');
}

// Starts `stampede store copy`; `said(pattern)` waits for what it prints.
export function startCopy(from, to, ...more) {
  const child = spawn(binary, ['store', 'copy', '--from', from, '--to', to, ...more]);
  copies.add(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => { text += chunk; });
  const ended = new Promise((resolve) => { child.once('exit', (code) => resolve(code)); });
  ended.then(() => copies.delete(child));
  return {
    ended,
    text: () => text,
    said: (pattern) => eventually(() => assert.match(text, pattern), { timeoutMs: 120_000 }),
    kill() {
      child.kill('SIGKILL');
      return ended;
    },
  };
}

// Runs `check` against a server at the address of another one that does not run, on other data.
export async function servedFrom(dataDir, like, check, env = {}) {
  const server = new ServerProcess({ dataDir, port: like.port, env: { ...like.env, ...env } });
  await server.launch();
  try {
    await check(server);
  } finally {
    assert.equal(await server.stop(), 0);
  }
}
