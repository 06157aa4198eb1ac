// The frame of the tests that break something while members post and read.
import { test } from 'node:test';
import { signInAll } from './cast.mjs';
import { Load } from './load.mjs';

// The first of the readers follows all authors, the others fewer and fewer of them. Posts mention the first.
export async function makeLoad(url, authorNames, readerNames, options = {}) {
  const people = await signInAll(url, [...authorNames, ...readerNames]);
  const authors = authorNames.map((name) => people[name]);
  const readers = readerNames.map((name) => people[name]);
  const follows = Object.fromEntries(readerNames.map((name, i) => [name, authors.filter((_, j) => i === 0 || j % (i + 1) < 2)]));
  for (const reader of readers) {
    for (const author of follows[reader.name]) await reader.post(`/api/v1/accounts/${author.id}/follow`);
  }
  return new Load({ url, authors, readers, follows, mentioned: readers[0], ...options });
}

// A test that lets `fault` happen in the middle of the load; then everything must be as if it had not. `parts` gives the
// Cluster and the Load, which exist once the tests run.
export function testUnderLoad(name, parts, fault, options = {}) {
  test(name, { timeout: 500_000, ...options }, async (t) => {
    const { cluster, load } = parts();
    const began = Date.now();
    load.start();
    try {
      await load.progress();
      await fault(t);
      await load.progress();
      await load.stop();
      t.diagnostic(`${load.acknowledged.size} posts acknowledged, ${load.failures.length} requests sent again, `
        + `${Date.now() - began} ms`);
      await load.verify(cluster.nodes.map((node) => node.address));
      t.diagnostic(`verified after ${Date.now() - began} ms`);
    } catch (error) {
      for (const node of cluster.nodes) t.diagnostic(`${node.address}: ${node.log.slice(-3000)}`);
      t.diagnostic(await cluster.nats.describe());
      throw error;
    } finally {
      await load.stop();
    }
  });
}
