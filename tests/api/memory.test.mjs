// How much memory a server takes, which is half of why somebody with a small machine chooses it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Server } from '../support/server.mjs';

const mebibyte = 1024 * 1024;

async function withServer(env, look) {
  const server = await Server.start({ env });
  try {
    await look(server);
  } finally {
    await server.close();
  }
}

test('a server with default settings is small when nobody asks it for anything', () => withServer({}, (server) => {
  assert.ok(server.rssBytes() < 40 * mebibyte, `${server.rssBytes()} bytes`);
}));

test('only a server with large caches may have huge pages', async (context) => {
  const allowed = [];
  for (const env of [{}, { STAMPEDE_FEEDS_MB: '2000' }]) {
    await withServer(env, (server) => allowed.push(server.kernelSays('THP_enabled')));
  }
  if (allowed[0] === undefined) return context.skip('the kernel does not tell');
  assert.deepEqual(allowed, ['0', '1']);
});
