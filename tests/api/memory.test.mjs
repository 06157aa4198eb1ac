// How much memory a server takes, which is half of why somebody with a small machine chooses it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Server } from '../support/server.mjs';

const mebibyte = 1024 * 1024;

test('a server with default settings is small when nobody asks it for anything', async () => {
  const server = await Server.start();
  try {
    assert.ok(server.rssBytes() < 40 * mebibyte, `${server.rssBytes()} bytes`);
  } finally {
    await server.close();
  }
});
