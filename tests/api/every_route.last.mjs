// Runs after all other suites: together they must have seen every route of the program succeed.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { loadRoutes, matchRoute } from '../support/routes.mjs';

test('every route was hit', async () => {
  const folder = process.env.STAMPEDE_TEST_HITS;
  assert.ok(folder, 'set STAMPEDE_TEST_HITS, as tests/run does');
  const routes = await loadRoutes();
  const missing = new Set(routes);
  for (const file of fs.readdirSync(folder)) {
    for (const line of fs.readFileSync(path.join(folder, file), 'utf8').split('\n').filter(Boolean)) {
      const [method, pathname, status] = line.split(' ');
      if (Number(status) < 400) missing.delete(matchRoute(routes, method, pathname));
    }
  }
  assert.deepEqual([...missing].map((row) => `${row.method} ${row.path}`), []);
});
