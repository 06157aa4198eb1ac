// Stands in front of several servers as a load balancer does, one request after the other to different
// processes (`round_robin`), or all of one member to the same (`token`, as real ones are set up). In the
// process of the test, without health checks: what fails behind it fails in front of it.
import { createHash } from 'node:crypto';
import http from 'node:http';

const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length']);

// The list of names and values of a message without what belongs to one connection.
function endToEnd(rawHeaders) {
  const kept = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (!HOP_BY_HOP.has(rawHeaders[i].toLowerCase())) kept.push(rawHeaders[i], rawHeaders[i + 1]);
  }
  return kept;
}

async function bytesOf(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

// What a load balancer hashes: the access token, wherever the client puts it, else the address.
export function memberOf(request) {
  const bearer = /^bearer\s+(\S+)/i.exec(request.headers.authorization ?? '')?.[1];
  const query = new URL(request.url, 'http://any').searchParams.get('access_token');
  return bearer ?? query ?? request.headers['sec-websocket-protocol'] ?? request.socket.remoteAddress;
}

export class Spreader {
  #next = 0;
  #agent = new http.Agent({ keepAlive: true });

  static async start({ port, targets, mode = 'round_robin' }) {
    const spreader = new Spreader();
    Object.assign(spreader, { port, targets, mode });
    spreader.server = http.createServer({ keepAliveTimeout: 60_000 }, (request, reply) => {
      spreader.#pass(request, reply).catch((error) => {
        if (!reply.headersSent) reply.writeHead(502, { 'content-type': 'text/plain' });
        reply.end(`no server answers: ${error.message}`);
      });
    });
    await new Promise((resolve) => spreader.server.listen(port, '127.0.0.1', resolve));
    spreader.server.unref();
    return spreader;
  }

  #targetOf(request) {
    if (this.mode === 'token') {
      const hash = createHash('sha256').update(memberOf(request)).digest().readUInt32BE();
      return this.targets[hash % this.targets.length];
    }
    this.#next = (this.#next + 1) % this.targets.length;
    return this.targets[this.#next];
  }

  async #pass(request, reply) {
    const body = await bytesOf(request);
    const answer = await this.#ask(this.#targetOf(request), request, body);
    const content = await bytesOf(answer);
    const headers = endToEnd(answer.rawHeaders);
    const length = request.method === 'HEAD' ? answer.headers['content-length'] : content.length;
    if (length !== undefined && answer.statusCode !== 204) headers.push('Content-Length', String(length));
    reply.writeHead(answer.statusCode, headers);
    reply.end(content);
  }

  // A kept connection that the server closed meanwhile is no failure: the request is sent again.
  #ask(target, request, body) {
    return new Promise((resolve, reject) => {
      const headers = endToEnd(request.rawHeaders);
      if (body.length > 0 || request.headers['content-length']) headers.push('Content-Length', String(body.length));
      headers.push('X-Forwarded-For', request.socket.remoteAddress);
      const sent = http.request({
        agent: this.#agent, host: '127.0.0.1', port: target, method: request.method, path: request.url, headers,
      }, resolve);
      sent.on('error', (error) => (sent.reusedSocket && error.code === 'ECONNRESET'
        ? resolve(this.#ask(target, request, body)) : reject(error)));
      sent.end(body);
    });
  }

  async close() {
    this.server.closeAllConnections?.();
    await new Promise((resolve) => this.server.close(resolve));
    this.#agent.destroy();
  }
}
