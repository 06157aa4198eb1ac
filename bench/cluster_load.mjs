// Members of a graph that `stampede bench` loaded, at work on several servers: their tokens, the server that a
// load balancer would send each to, and an open loop of requests at a fixed rate. And one that announces again what
// others have announced, as a server would that takes more posts than this machine can.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';

const MASK = (1n << 64n) - 1n;
const TICK_MS = 1;

// SplitMix64, as bench/graph.h has it.
export function mix(x) {
  let z = ((x ^ (x >> 30n)) * 0xBF58476D1CE4E5B9n) & MASK;
  z = ((z ^ (z >> 27n)) * 0x94D049BB133111EBn) & MASK;
  return z ^ (z >> 31n);
}
export function* splitMix(seed) {
  for (let state = seed & MASK; ;) {
    state = (state + 0x9E3779B97F4A7C15n) & MASK;
    yield mix(state);
  }
}

// What GraphWorld of bench/graph_world.h says of the graph in a data directory.
export class World {
  constructor(dataDir) {
    const [description, loadedMs] = fs.readFileSync(path.join(dataDir, 'graph.txt'), 'utf8').split('\n');
    const option = (name) => Number(new RegExp(` ${name} (\\d+)`).exec(description)[1]);
    Object.assign(this, { description, accounts: option('accounts'), follows: option('follows') });
    this.seed = mix(BigInt(loadedMs));
  }

  username(position) { return `member${position}`; }

  token(position) {
    const numbers = splitMix(this.seed + BigInt(position));
    return [0, 1].map(() => numbers.next().value.toString(16).padStart(16, '0')).join('');
  }
}

// Keep-alive connections to every server. Of `most` servers a member's requests go where the hash of the token
// says; who would go to one that is not here is no reader.
export class Crowd {
  constructor(world, nodes, most) {
    Object.assign(this, { world, nodes });
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
    this.tokens = Array.from({ length: world.accounts }, (_, position) => world.token(position));
    this.homes = this.tokens.map((token) => createHash('sha256').update(token).digest().readUInt32BE() % most);
    this.readersOf = nodes.map((_, node) => this.homes.flatMap((home, position) => (home === node ? [position] : [])));
    this.readers = this.readersOf.flat();
  }

  close() { this.agent.destroy(); }

  // The text of the reply, which must be a 200, or '' where the caller does not need it. Asks the member's own
  // server if it is not said which.
  async ask({ position, node = this.homes[position] }, method, target, body, { text = true } = {}) {
    const headers = { authorization: `Bearer ${this.tokens[position]}` };
    if (body) Object.assign(headers, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
    const { port } = this.nodes[node];
    return new Promise((resolve, reject) => {
      const request = http.request({ agent: this.agent, host: '127.0.0.1', port, method, path: target, headers }, (reply) => {
        const chunks = [];
        reply.on('data', (chunk) => { if (text || reply.statusCode !== 200) chunks.push(chunk); });
        reply.on('error', reject);
        reply.on('end', () => {
          const got = Buffer.concat(chunks).toString();
          if (reply.statusCode === 200) resolve(got);
          else reject(new Error(`${method} ${target}: ${reply.statusCode} ${got}`));
        });
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  readHome(position) { return this.ask({ position }, 'GET', '/api/v1/timelines/home', '', { text: false }); }

  async post(author, text) {
    return JSON.parse(await this.ask(author, 'POST', '/api/v1/statuses', JSON.stringify({ status: text }))).id;
  }

  // One request of everybody in `positions`, so many at a time.
  async each(positions, atATime, send) {
    let next = 0;
    const work = async () => {
      while (next < positions.length) {
        next += 1;
        await send(positions[next - 1]);
      }
    };
    await Promise.all(Array.from({ length: atATime }, work));
  }
}

// Calls `send` with 0, 1, … at even distances, whether what it did before has ended or not. Rejects if one fails.
export async function offer({ perS, seconds, delayMs = 0, send }) {
  const count = Math.round(perS * seconds);
  const begin = performance.now() + delayMs;
  const answers = [];
  await new Promise((resolve) => {
    const timer = setInterval(() => {
      const due = Math.min(count, Math.floor((performance.now() - begin) * perS / 1000));
      while (answers.length < due) {
        const answer = Promise.resolve(send(answers.length));
        answer.catch(() => {});  // seen below
        answers.push(answer);
      }
      if (answers.length === count) {
        clearInterval(timer);
        resolve();
      }
    }, TICK_MS);
  });
  return Promise.all(answers);
}

const SUBJECT = 'stampede.events';

// Hears the events of all servers, and publishes them again under a name of its own. A post that comes twice is
// in a feed once, so servers do all that they do for a post of another server but store entries. The protocol:
// https://docs.nats.io/reference/reference-protocols/nats-protocol
export class Echo {
  static async start(port) {
    const echo = new Echo();
    Object.assign(echo, { events: [], hearing: false, sent: 0, rest: Buffer.alloc(0) });
    echo.socket = net.connect(port, '127.0.0.1');
    echo.socket.on('data', (chunk) => echo.#take(chunk));
    await new Promise((resolve, reject) => { echo.socket.once('connect', resolve).once('error', reject); });
    echo.socket.write(`CONNECT {"verbose":false,"headers":true}\r\nSUB ${SUBJECT} 1\r\n`);
    return echo;
  }

  close() { this.socket.destroy(); }

  #take(chunk) {
    this.rest = Buffer.concat([this.rest, chunk]);
    for (;;) {
      const end = this.rest.indexOf('\r\n');
      if (end < 0) return;
      const words = this.rest.subarray(0, end).toString().split(' ');
      let size = end + 2;
      if (words[0] === 'HMSG') {
        const [headers, all] = words.slice(-2).map(Number);
        if (this.rest.length < size + all + 2) return;
        if (this.hearing) this.events.push(Buffer.from(this.rest.subarray(size + headers, size + all)));
        size += all + 2;
      } else if (words[0] === 'PING') {
        this.socket.write('PONG\r\n');
      } else if (words[0] === '-ERR') {
        throw new Error(words.join(' '));
      }
      this.rest = this.rest.subarray(size);
    }
  }

  send() {
    const event = this.events[this.sent % this.events.length];
    const headers = `NATS/1.0\r\nStampede-Node: echo\r\nStampede-Number: ${this.sent += 1}\r\n\r\n`;
    this.socket.write(Buffer.concat([
      Buffer.from(`HPUB ${SUBJECT} ${headers.length} ${headers.length + event.length}\r\n${headers}`), event, Buffer.from('\r\n')]));
  }
}
