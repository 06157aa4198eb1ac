// HAProxy and nginx from Debian in front of servers of a test, with the configurations of packaging/: what is
// tested is what operators get, but for addresses, TLS and the pace of the health checks.
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { Daemon, removeFolder, temporaryFolder } from './daemon.mjs';
import { eventually } from './eventually.mjs';
import { top } from './server.mjs';

// Debian puts them where only root looks.
const PATH = `${process.env.PATH}:/usr/sbin:/sbin`;
export const withPath = { env: { ...process.env, PATH } };

export const packaged = (name) => fs.readFileSync(path.join(top, 'packaging', name), 'utf8');

// Replaces the lines of an example that match `pattern` by `lines`, in the place of the first of them.
function replaceLines(text, pattern, lines) {
  const kept = [];
  let placed = false;
  for (const line of text.split('\n')) {
    if (!pattern.test(line)) {
      kept.push(line);
    } else if (!placed) {
      kept.push(...lines);
      placed = true;
    }
  }
  if (!placed) throw new Error(`no line is like ${pattern}`);
  return kept.join('\n');
}

export function haproxyConfiguration({ port, targets, folder, checkMs = 200 }) {
  let text = packaged('haproxy.cfg');
  text = replaceLines(text, /^\s*(log \/dev|user |group )/, []);
  text = replaceLines(text, /^\s*stats socket/, [`    stats socket ${folder}/admin.sock mode 600 level admin`]);
  text = replaceLines(text, /^\s*bind /, [`    bind 127.0.0.1:${port}`]);
  text = replaceLines(text, /redirect scheme/, []);
  text = text.replace('maxconn 20000', 'maxconn 2000');  // what a user without privileges may have
  text = text.replace(/check inter 1s/, `check inter ${checkMs}ms`);
  return replaceLines(text, /^\s*server /, targets.map((target, i) => `    server stampede${i + 1} 127.0.0.1:${target}`));
}

// Returns {url, targets, waitUntilUp, close}.
export async function startHaproxy({ port, targets, checkMs }) {
  const folder = temporaryFolder('haproxy');
  const file = path.join(folder, 'haproxy.cfg');
  fs.writeFileSync(file, haproxyConfiguration({ port, targets, folder, checkMs }));
  return new Proxy('haproxy', ['-db', '-f', file], { port, targets, folder }).start();
}

export function nginxConfiguration({ port, targets, folder }) {
  let text = packaged('nginx.conf');
  text = replaceLines(text, /^worker_processes/, [
    'master_process off;', 'daemon off;', `pid ${folder}/pid;`, `error_log ${folder}/error.log;`]);
  text = text.replace(/^ {2}server \{\n {4}listen 80;[\s\S]*?^ {2}\}\n/m, '');
  text = replaceLines(text, /^\s*ssl_/, []);
  text = replaceLines(text, /^\s*listen /, [`    listen 127.0.0.1:${port};`]);
  text = replaceLines(text, /^\s*server 10\./, targets.map((target) =>
    `    server 127.0.0.1:${target} max_fails=2 fail_timeout=5s;`));
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${folder}/${name};`).join('\n  ');
  return text.replace(/^http \{/m, `http {\n  access_log off;\n  ${folders}`);
}

export async function startNginx({ port, targets }) {
  const folder = temporaryFolder('nginx');
  fs.chmodSync(folder, 0o755);
  const file = path.join(folder, 'nginx.conf');
  fs.writeFileSync(file, nginxConfiguration({ port, targets, folder }));
  return new Proxy('nginx', ['-c', file, '-p', folder, '-e', path.join(folder, 'error.log')], { port, targets, folder }).start();
}

class Proxy {
  constructor(command, args, where) {
    Object.assign(this, where);
    this.url = `http://127.0.0.1:${this.port}`;
    this.daemon = new Daemon(command, args, withPath);
  }

  // Until it takes connections; whether anything is behind it yet does not matter.
  async start() {
    this.daemon.launch();
    await eventually(async () => {
      if (this.daemon.alive) await fetch(`${this.url}/health`);
    }, { pauseMs: 50 });
    this.daemon.assertAlive();
    return this;
  }

  // HAProxy: until its checks find every server well.
  async waitUntilUp() {
    await eventually(async () => {
      const rows = (await ask(path.join(this.folder, 'admin.sock'), 'show stat')).split('\n').map((row) => row.split(','));
      const down = rows.filter((row) => row[0] === 'stampede' && /^stampede\d/.test(row[1] ?? '') && row[17] !== 'UP');
      if (down.length > 0) throw new Error(down.map((row) => `${row[1]} is ${row[17]}`).join(', '));
    });
  }

  async close() {
    if (this.daemon.alive) await this.daemon.end('SIGKILL');
    removeFolder(this.folder);
  }
}

// What HAProxy's socket for operators answers.
function ask(socket, command) {
  return new Promise((resolve, reject) => {
    let text = '';
    const connection = net.connect(socket, () => connection.write(`${command}\n`));
    connection.on('data', (chunk) => { text += chunk; });
    connection.on('end', () => resolve(text));
    connection.on('error', reject);
  });
}
