// tools/check_layers finds what it is there to find.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const tool = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../tools/check_layers');

function check(files) {
  const top = fs.mkdtempSync(path.join(os.tmpdir(), 'stampede-layers-'));
  const all = { 'features/rooms.txt': '# order\nearly\nlate\n', ...files };
  for (const [name, text] of Object.entries(all)) {
    fs.mkdirSync(path.join(top, 'src', path.dirname(name)), { recursive: true });
    fs.writeFileSync(path.join(top, 'src', name), text);
  }
  const { status, stdout } = spawnSync(tool, [top], { encoding: 'utf8' });
  fs.rmSync(top, { recursive: true });
  return { status, stdout };
}

const include = (header) => `#pragma once\n#include "${header}"\n`;

for (const [file, header] of [
  ['base/a.h', 'codec/b.h'], ['net/a.cc', 'store/store.h'], ['store/a.h', 'net/reply.h'],
  ['features/late/service.cc', 'features/late/view.h'], ['features/early/keys.h', 'features/late/keys.h'],
  ['features/early/view.cc', 'features/late/view.h'], ['features/late/view.cc', 'features/early/routes.h'],
  ['features/late/routes.cc', 'features/early/jobs.h'], ['features/late/service.cc', 'features/testing/cast.h'],
  ['features/late/service.cc', 'features/unlisted/keys.h'], ['app/main.cc', 'cli/args.h'],
  ['net/reply.h', 'boost/beast/http.hpp'], ['events/a.cc', 'rocksdb/db.h'], ['net/client.h', 'curl/curl.h'],
]) {
  test(`${file} may not include ${header}`, () => {
    const { status, stdout } = check({ [file]: include(header) });
    assert.equal(status, 1);
    assert.ok(stdout.startsWith(`src/${file}:2: `), stdout);
    assert.ok(stdout.includes(header));
  });
}

for (const [file, header] of [
  ['codec/a.h', 'base/b.h'], ['features/late/service.cc', 'features/early/service.h'],
  ['features/early/view.cc', 'features/late/keys.h'], ['features/early/routes.cc', 'features/late/view.h'],
  ['features/late/routes.cc', 'features/late/jobs.h'], ['features/early/service_test.cc', 'features/testing/cast.h'],
  ['net/server.cc', 'boost/beast/http.hpp'], ['store/rocksdb/engine.h', 'rocksdb/db.h'],
]) {
  test(`${file} may include ${header}`, () => {
    assert.deepEqual(check({ [file]: include(header) }), { status: 0, stdout: '' });
  });
}

test('calls that tests could not control are refused outside base and net', () => {
  const text = 'auto a = std::chrono::system_clock::now();\n// rand()\nint b = rand();\nconst char* c = "sleep_for";\n'
    + 'std::this_thread::sleep_for(x);\nint d = ::socket(1, 2, 3);\nint e = operand(1);\n';
  const { status, stdout } = check({ 'features/late/service.cc': text });
  assert.equal(status, 1);
  assert.deepEqual([...stdout.matchAll(/service\.cc:(\d+)/g)].map((m) => Number(m[1])), [1, 3, 5, 6]);
  assert.equal(check({ 'base/clock.cc': text, 'features/late/service_test.cc': text }).status, 0);
});

test('a file of more than 800 lines is two files', () => {
  assert.equal(check({ 'base/a.cc': '\n'.repeat(801) }).status, 1);
  assert.equal(check({ 'base/a.cc': '\n'.repeat(800) }).status, 0);
});
