// The files of packaging/, checked by the programs they are for: they are valid as they stand, one member's
// requests all go to one server, and when a server goes only its members move.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { freePort, temporaryFolder } from '../support/daemon.mjs';
import { eventually } from '../support/eventually.mjs';
import { packaged, startHaproxy, startNginx, withPath } from '../support/proxy.mjs';
import { binary } from '../support/server.mjs';

const execute = promisify(execFile);
const folder = temporaryFolder('packaging');
after(() => fs.rmSync(folder, { recursive: true }));

// A certificate where the examples say "yours".
const certificate = path.join(folder, 'both.pem');
async function makeCertificate() {
  if (fs.existsSync(certificate)) return;
  const [key, crt] = ['key', 'crt'].map((end) => path.join(folder, `tls.${end}`));
  await execute('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
    '-subj', '/CN=example.org', '-days', '2', '-keyout', key, '-out', crt]);
  fs.writeFileSync(certificate, fs.readFileSync(crt, 'utf8') + fs.readFileSync(key, 'utf8'));
}

test('haproxy.cfg is valid', async () => {
  await makeCertificate();
  const file = path.join(folder, 'haproxy.cfg');
  fs.writeFileSync(file, packaged('haproxy.cfg').replace('/etc/haproxy/stampede.pem', certificate));
  const { stdout, stderr } = await execute('haproxy', ['-c', '-f', file], withPath);
  assert.match(stdout, /Configuration file is valid/);
  assert.doesNotMatch(stderr, /WARNING/);
});

test('nginx.conf is valid', async () => {
  await makeCertificate();
  const file = path.join(folder, 'nginx.conf');
  fs.writeFileSync(file, packaged('nginx.conf')
    .replace('/etc/nginx/stampede.crt', certificate).replace('/etc/nginx/stampede.key', certificate)
    .replace('listen 80;', `listen ${await freePort()};`).replace('listen 443 ', `listen ${await freePort()} `));
  const { stderr } = await execute('nginx', ['-t', '-c', file, '-p', folder, '-e', path.join(folder, 'log'),
    '-g', `pid ${folder}/pid;`], withPath);
  assert.match(stderr, /test is successful/);
  assert.doesNotMatch(stderr, /\[warn\]/);
});

test('the systemd units are valid', async (t) => {
  for (const [name, instance] of [['stampede.service', 'stampede.service'], ['stampede@.service', 'stampede@8081.service']]) {
    const unit = packaged(name);
    fs.writeFileSync(path.join(folder, name), unit.replace('/usr/bin/stampede', binary));
    try {
      await execute('systemd-analyze', ['verify', '--man=no', path.join(folder, instance)]);
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
      t.skip('systemd-analyze is not here');
      return;
    }
  }
});

// Servers that only say who they are, and whether they are well.
async function startNamed(name) {
  const server = http.createServer((request, reply) => reply.end(name));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    name, port: server.address().port,
    close: () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); }),
  };
}

const MEMBERS = Array.from({ length: 200 }, (_, i) => `token-of-member-${i}`);

async function placeOf(url, member) {
  const asked = await Promise.all([
    fetch(`${url}/api/v1/timelines/home`, { headers: { authorization: `Bearer ${member}` } }),
    fetch(`${url}/api/v1/statuses`, { headers: { authorization: `bearer ${member}` }, method: 'POST', body: 'x' }),
    fetch(`${url}/api/v1/streaming?access_token=${member}`),
    fetch(`${url}/api/v1/streaming`, { headers: { 'sec-websocket-protocol': member } }),
  ]);
  const places = new Set(await Promise.all(asked.map((reply) => reply.text())));
  assert.equal(places.size, 1, `${member} is at ${[...places].join(' and ')}`);
  return [...places][0];
}

async function placesOf(url) {
  const places = new Map();
  for (const member of MEMBERS) places.set(member, await placeOf(url, member));
  return places;
}

for (const [name, start] of [['haproxy.cfg', startHaproxy], ['nginx.conf', startNginx]]) {
  test(`${name}: a member's requests go to one server, and only the members of a lost server move`, async () => {
    const servers = await Promise.all(['a', 'b', 'c'].map(startNamed));
    const proxy = await start({ port: await freePort(), targets: servers.map((server) => server.port) });
    try {
      const before = await placesOf(proxy.url);
      for (const server of servers) {
        const share = [...before.values()].filter((place) => place === server.name).length / MEMBERS.length;
        assert.ok(share > 0.15 && share < 0.55, `${server.name} has ${share} of the members`);
      }
      const lost = before.get(MEMBERS[0]);
      await servers.find((server) => server.name === lost).close();
      const now = await eventually(async () => {
        const places = await placesOf(proxy.url);
        assert.ok(!new Set(places.values()).has(lost) && new Set(places.values()).size === 2);
        return places;
      });
      const moved = MEMBERS.filter((member) => before.get(member) !== now.get(member));
      assert.deepEqual(moved, MEMBERS.filter((member) => before.get(member) === lost));
      assert.equal(new Set(moved.map((member) => now.get(member))).size, 2, 'to all that are left');
    } finally {
      await proxy.close();
      await Promise.all(servers.map((server) => server.close()));
    }
  });
}
