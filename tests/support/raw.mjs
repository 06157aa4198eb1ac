// A connection on which a test writes bytes as it likes, right or wrong.
import net from 'node:net';

export class Raw {
  static async connect(port) {
    const raw = new Raw();
    raw.received = Buffer.alloc(0);
    raw.socket = net.connect(port, '127.0.0.1');
    raw.socket.on('data', (chunk) => {
      raw.received = Buffer.concat([raw.received, chunk]);
      raw.wake?.();
    });
    raw.closed = new Promise((resolve) => {
      raw.socket.on('close', () => { raw.isClosed = true; raw.wake?.(); resolve(); });
    });
    raw.socket.on('error', () => {});  // a reset is a close
    await new Promise((resolve, reject) => {
      raw.socket.once('connect', resolve);
      raw.socket.once('error', reject);
    });
    return raw;
  }

  write(data) {
    if (!this.isClosed) this.socket.write(data);
    return this;
  }

  // The next whole reply {status, head, body}; null when the server closes first.
  async reply({ timeoutMs = 15_000 } = {}) {
    const end = Date.now() + timeoutMs;
    for (;;) {
      const parsed = this.#parse();
      if (parsed) return parsed;
      if (this.isClosed) return null;
      const left = end - Date.now();
      if (left <= 0) throw new Error(`no reply in ${timeoutMs} ms, only: ${this.received}`);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, left);
        this.wake = () => { clearTimeout(timer); resolve(); };
      });
    }
  }

  #parse() {
    const split = this.received.indexOf('\r\n\r\n');
    if (split < 0) return null;
    const head = this.received.subarray(0, split).toString('latin1');
    const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
    if (this.received.length < split + 4 + length) return null;
    const body = this.received.subarray(split + 4, split + 4 + length).toString('utf8');
    this.received = this.received.subarray(split + 4 + length);
    return { status: Number(head.split(' ')[1]), head, body };
  }

  end() {
    this.socket.destroy();
  }
}

// One request on a connection of its own.
export async function exchange(port, bytes, options) {
  const raw = await Raw.connect(port);
  raw.write(bytes);
  try {
    return await raw.reply(options);
  } finally {
    raw.end();
  }
}
