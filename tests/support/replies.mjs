// Looks at every reply that a server under test gives to fetch(), whoever called it: validates it against
// the schema of its route and the keys that its entities always have, and notes which routes were hit.
// What is wrong is collected; assertReplies() at the end of a suite fails with all of it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const here = path.dirname(fileURLToPath(import.meta.url));
const load = (name) => JSON.parse(fs.readFileSync(path.join(here, '../data', name), 'utf8'));
const schema = load('openapi-subset.json');
const entityKeys = load('entity_keys.json');

const ajv = new Ajv2020.default({ strict: false, allErrors: true, inlineRefs: false });
addFormats.default(ajv);
ajv.addFormat('iso-639-1', /^[a-z]{2,3}(-[A-Za-z0-9]+)*$/);
ajv.addSchema({ $id: 'api', $defs: schema.$defs });

// Path templates, the most literal first.
const templates = Object.keys(schema.paths)
  .map((template) => ({
    template,
    holes: (template.match(/\{/g) ?? []).length,
    pattern: new RegExp(`^${template.replace(/\{\w+\}/g, '[^/]+')}/?$`),
  }))
  .sort((a, b) => a.holes - b.holes);

const validators = new Map();
function validatorFor(node) {
  const text = JSON.stringify(node).replaceAll('"#/$defs/', '"api#/$defs/');
  if (!validators.has(text)) validators.set(text, ajv.compile(JSON.parse(text)));
  return validators.get(text);
}

function operationFor(method, pathname) {
  const hit = templates.find((t) => t.pattern.test(pathname) && schema.paths[t.template][method]);
  return hit && schema.paths[hit.template][method];
}

// Adds to `problems` the keys that entities of `value` lack, following the schema.
function checkKeys(node, value, where, problems) {
  if (!node || value === null || value === undefined) return;
  if (node.$ref) {
    const name = node.$ref.split('/').pop();
    for (const key of entityKeys[name] ?? []) {
      if (!(key in value)) problems.push(`${where}: ${name} lacks key ${key}`);
    }
    checkKeys(schema.$defs[name], value, where, problems);
    checkInner(name, value, where, problems);
    return;
  }
  if (node.items && Array.isArray(value)) {
    value.forEach((item, i) => checkKeys(node.items, item, `${where}[${i}]`, problems));
  }
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    if (typeof value === 'object') checkKeys(child, value[key], `${where}.${key}`, problems);
  }
  for (const part of [...(node.allOf ?? []), ...(node.oneOf ?? []), ...(node.anyOf ?? [])]) {
    if (!part.$ref && !part.properties && !part.items) continue;
    if (!node.allOf && !fits(part, value)) continue;
    checkKeys(part, value, where, problems);
  }
}

const fits = (node, value) => validatorFor(node)(value);

// Objects that have keys of their own but no name in the schema.
function checkInner(name, value, where, problems) {
  for (const key of Object.keys(value)) {
    for (const wanted of entityKeys[`${name}.${key}`] ?? []) {
      if (value[key] && !(wanted in value[key])) {
        problems.push(`${where}.${key}: ${name}.${key} lacks key ${wanted}`);
      }
    }
  }
}

// Where Mastodon itself differs from the schema that others made of its documentation.
const deviations = [
  // A deleted status comes with `text` for redrafting instead of `content`.
  { label: /^DELETE \/api\/v1\/statuses\/:id /, error: /required property 'content'/ },
];

const watched = new Set();
const problems = new Set();
const hits = new Map();
let requests = 0;

export function watch(origin) {
  watched.add(origin);
}

function checkSuccess(method, url, reply, text, label) {
  const operation = operationFor(method, url.pathname);
  const node = operation?.[String(reply.status)] ?? operation?.['200'];
  if (!node) return;
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    problems.add(`${label}: is no JSON: ${text.slice(0, 100)}`);
    return;
  }
  const validate = validatorFor(node);
  if (!validate(body)) {
    for (const error of validate.errors.slice(0, 10)) {
      if (deviations.some((d) => d.label.test(label) && d.error.test(error.message))) continue;
      problems.add(`${label}: ${error.instancePath.replace(/\/\d+/g, '/*')} ${error.message} ${
        error.params.allowedValues ? JSON.stringify(error.params.allowedValues) : ''}`);
    }
  }
  const lacking = [];
  checkKeys(node, body, 'body', lacking);
  for (const line of lacking) problems.add(`${label}: ${line.replace(/\[\d+\]/g, '[*]')}`);
}

function checkFailure(url, reply, text, label) {
  if (reply.status >= 500 && reply.status !== 503) problems.add(`${label}: ${text.slice(0, 200)}`);
  if (!url.pathname.startsWith('/api/') && url.pathname !== '/oauth/token') return;
  try {
    const body = JSON.parse(text);
    if (typeof body.error !== 'string') problems.add(`${label}: error is no text: ${text}`);
  } catch {
    problems.add(`${label}: the error is no JSON: ${text.slice(0, 100)}`);
  }
}

function checkHeaders(url, reply, label) {
  if (!reply.headers.get('x-request-id')) problems.add(`${label}: no X-Request-Id`);
  if (!url.pathname.startsWith('/api/')) return;
  if (reply.headers.get('access-control-allow-origin') !== '*') problems.add(`${label}: no CORS`);
  if (reply.status < 400 && !/\bLink\b/.test(reply.headers.get('access-control-expose-headers') ?? '')) {
    problems.add(`${label}: Link is not exposed to other origins`);
  }
}

function inspect(method, url, reply, text) {
  requests += 1;
  const name = `${method.toUpperCase()} ${url.pathname}`;
  const known = hits.get(name) ?? new Set();
  hits.set(name, known.add(reply.status));
  const label = `${method.toUpperCase()} ${url.pathname.replace(/\/\d{6,}/g, '/:id')} ${reply.status}`;
  if (reply.status < 300 && method !== 'head' && method !== 'options') {
    checkSuccess(method, url, reply, text, label);
  } else if (reply.status >= 400 && method !== 'head') {
    checkFailure(url, reply, text, label);
  }
  checkHeaders(url, reply, label);
}

// Clients of others call the global fetch(), so that is where we listen.
const plainFetch = globalThis.fetch;
globalThis.fetch = async (resource, init) => {
  const request = resource instanceof Request ? resource : null;
  const url = new URL(request ? request.url : resource);
  const reply = await plainFetch(resource, init);
  if (!watched.has(url.origin)) return reply;
  const method = (init?.method ?? request?.method ?? 'GET').toLowerCase();
  inspect(method, url, reply, await reply.clone().text());
  return reply;
};

export function assertReplies() {
  assert.deepEqual([...problems].sort(), [], 'replies that clients would stumble over');
  assert.ok(requests > 0, 'no reply was looked at');
}

// For the last suite, which asks whether all suites together hit every route.
process.on('exit', () => {
  const folder = process.env.STAMPEDE_TEST_HITS;
  if (!folder || hits.size === 0) return;
  const lines = [...hits].flatMap(([name, codes]) => [...codes].map((code) => `${name} ${code}\n`));
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, `${process.pid}.txt`), lines.join(''));
});
