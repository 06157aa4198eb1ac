// Stands between servers and a database, passes every byte on, and when told so cuts connections wherever
// they happen to be: in the middle of a statement, of a commit, of the answer to it.
import net from 'node:net';

const BYTES_MAX = 12_000;  // of one connection before it is cut; a commit is some hundreds to thousands

// A small generator with a seed (mulberry32), so that a run can be had again.
function randomFrom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6D2B79F5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export class Relay {
  #pairs = new Set();
  #cutsLeft = 0;

  // `server`: {port}, as Postgres is.
  static async start(server) {
    const relay = new Relay();
    relay.server = server;
    relay.listener = net.createServer((client) => relay.#join(client));
    await new Promise((resolve) => { relay.listener.listen(0, '127.0.0.1', resolve); });
    relay.listener.unref();
    return relay;
  }

  get address() { return `127.0.0.1:${this.listener.address().port}`; }
  createDatabase(name) { return this.server.createDatabase(name); }

  // Cuts so many connections, each after a random number of bytes; returns when it is done.
  cut(count, seed) {
    this.random = randomFrom(seed);
    this.#cutsLeft = count;
    return new Promise((resolve) => { this.done = resolve; });
  }

  #join(client) {
    const pair = { client, server: net.connect(this.server.port, '127.0.0.1'), left: null };
    this.#pairs.add(pair);
    const end = () => {
      client.destroy();
      pair.server.destroy();
      this.#pairs.delete(pair);
    };
    for (const [from, to] of [[client, pair.server], [pair.server, client]]) {
      from.setNoDelay(true);
      from.on('data', (chunk) => this.#pass(pair, chunk, to, end));
      from.on('close', end);
      from.on('error', end);
    }
  }

  #pass(pair, chunk, to, end) {
    if (pair.cut) return;
    if (this.#cutsLeft > 0) {
      pair.left ??= Math.floor(this.random() * BYTES_MAX);
      if (chunk.length > pair.left) {
        to.write(chunk.subarray(0, pair.left), end);
        pair.cut = true;
        this.#cutsLeft -= 1;
        if (this.#cutsLeft === 0) this.done();
        return;
      }
      pair.left -= chunk.length;
    } else {
      pair.left = null;
    }
    to.write(chunk);
  }

  async close() {
    for (const { client, server } of this.#pairs) {
      client.destroy();
      server.destroy();
    }
    await new Promise((resolve) => { this.listener.close(resolve); });
  }
}
