// The frame of the tests that break something while members post and read.
import { test } from 'node:test';

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
    } catch (error) {
      t.diagnostic(cluster.log.slice(-3000));
      throw error;
    } finally {
      await load.stop();
    }
    t.diagnostic(`${load.acknowledged.size} posts acknowledged, ${load.failures.length} requests sent again, `
      + `${Date.now() - began} ms`);
    await load.verify(cluster.nodes.map((node) => node.address));
    t.diagnostic(`verified after ${Date.now() - began} ms`);
  });
}
