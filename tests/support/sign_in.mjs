// Signs in as a person with a browser would: by the HTML of the sign-in and consent pages, without script.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { Api } from './http.mjs';
import { emailOf, passwordOf } from './server.mjs';

export const OOB = 'urn:ietf:wg:oauth:2.0:oob';
export const ALL_SCOPES = 'read write follow push';

const decode = (text) => text
  .replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&quot;/g, '"')
  .replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)))
  .replace(/&#x([0-9a-f]+);/gi, (_, code) => String.fromCodePoint(Number.parseInt(code, 16)))
  .replace(/&amp;/g, '&');

const attributes = (tag) => Object.fromEntries(
  [...tag.matchAll(/([\w-]+)(?:="([^"]*)")?/g)].slice(1).map(([, name, value]) => [name, decode(value ?? '')]));

// The forms of a page: {action, method, fields: {name: value}, inputs, buttons: [{name, value, text}]}.
export function parseForms(html) {
  return [...html.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/g)].map(([, head, inner]) => {
    const form = { ...attributes(`form ${head}`), inputs: [], fields: {}, buttons: [] };
    for (const [tag] of inner.matchAll(/<input\b[^>]*>/g)) {
      const input = attributes(tag.slice(1, -1));
      if (input.type === 'submit') {
        form.buttons.push({ ...input, text: input.value });
      } else {
        form.inputs.push(input);
        if (input.type !== 'checkbox' || 'checked' in input) form.fields[input.name] = input.value ?? '';
      }
    }
    for (const [, tag, text] of inner.matchAll(/<button\b([^>]*)>([\s\S]*?)<\/button>/g)) {
      form.buttons.push({ ...attributes(`button ${tag}`), text: decode(text).trim() });
    }
    return form;
  });
}

// A browser without script: keeps cookies, follows redirects within the server.
export class Browser {
  constructor(url) {
    this.url = url;
    this.cookies = new Map();
  }

  // Stops at the first redirect that leaves the server; then `left` is its address.
  async open(address, init = {}) {
    let url = new URL(address, this.url);
    let request = init;
    for (let hop = 0; hop < 10; hop += 1) {
      const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const reply = await fetch(url, {
        ...request, redirect: 'manual', headers: { ...request.headers, ...(cookie && { cookie }) },
      });
      for (const line of reply.headers.getSetCookie?.() ?? [reply.headers.get('set-cookie')]) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(line ?? '') ?? [];
        if (name) this.cookies.set(name, value);
      }
      const location = reply.headers.get('location');
      const html = await reply.text();
      if (!location) return { url, status: reply.status, headers: reply.headers, html };
      const next = new URL(location, url);
      if (next.origin !== new URL(this.url).origin) return { url, status: reply.status, left: next };
      url = next;
      request = {};
    }
    throw new Error(`too many redirects from ${address}`);
  }

  async submit(page, form, values = {}, button = null) {
    const fields = new URLSearchParams({ ...form.fields, ...values });
    if (button?.name) fields.set(button.name, button.value ?? '');
    const action = new URL(form.action || page.url, page.url);
    if ((form.method ?? 'get').toLowerCase() === 'get') {
      action.search = fields;
      return this.open(action);
    }
    return this.open(action, {
      method: 'POST', body: fields, headers: { origin: new URL(this.url).origin },
    });
  }

  // From the authorize address to the consent page.
  async signIn(address, email, password) {
    const page = await this.open(address);
    assert.equal(page.status, 200, page.html);
    const form = parseForms(page.html).find((f) => f.inputs.some((i) => i.type === 'password'));
    if (!form) return page;
    const secret = form.inputs.find((i) => i.type === 'password');
    const login = form.inputs.find((i) => i !== secret && ['email', 'text'].includes(i.type ?? 'text'));
    return this.submit(page, form, { [login.name]: email, [secret.name]: password }, form.buttons[0]);
  }

  // Presses the button of the consent page that says so.
  async decide(page, words) {
    for (const form of parseForms(page.html)) {
      const button = form.buttons.find((b) => words.test(b.text));
      if (button) return this.submit(page, form, {}, button);
    }
    throw new Error(`no button ${words} on ${page.url}:\n${page.html}`);
  }
}

export const APPROVE = /^(authori[sz]e|allow|approve)/i;
export const DENY = /^(deny|cancel|refuse)/i;

// What a page that shows a code to be copied shows, or the code in a redirect.
export function codeOf(page) {
  if (page.left) return page.left.searchParams.get('code');
  const fromUrl = page.url.searchParams.get('code');
  if (fromUrl) return fromUrl;
  const shown = /<(?:code|output|kbd)[^>]*>([^<]+)<|<input[^>]*readonly[^>]*value="([^"]+)"/.exec(page.html);
  return shown && (shown[1] ?? shown[2]).trim();
}

export async function registerApp(url, { scopes = ALL_SCOPES, redirectUris = OOB } = {}) {
  return new Api(url).post('/api/v1/apps', { client_name: 'Tests', redirect_uris: redirectUris, scopes });
}

export function authorizeAddress(url, app, { scope = ALL_SCOPES, redirectUri = OOB, ...more } = {}) {
  const address = new URL('/oauth/authorize', url);
  address.search = new URLSearchParams({
    response_type: 'code', client_id: app.client_id, redirect_uri: redirectUri, scope, ...more,
  });
  return address;
}

export function makePkce() {
  const verifier = crypto.randomBytes(32).toString('base64url');
  return { verifier, challenge: crypto.createHash('sha256').update(verifier).digest('base64url') };
}

export async function exchangeCode(url, app, code, { redirectUri = OOB, ...more } = {}) {
  return new Api(url).call('POST', '/oauth/token', {
    form: {
      grant_type: 'authorization_code', client_id: app.client_id, client_secret: app.client_secret,
      redirect_uri: redirectUri, code, ...more,
    },
  });
}

// A member's token, by way of both pages. Browsers that stay signed in are kept per server and member.
const browsers = new Map();
export async function tokenFor(url, name, { scopes = ALL_SCOPES, app } = {}) {
  const client = app ?? await registerApp(url, { scopes });
  const key = `${url} ${name}`;
  if (!browsers.has(key)) browsers.set(key, new Browser(url));
  const browser = browsers.get(key);
  const consent = await browser.signIn(
    authorizeAddress(url, client, { scope: scopes }), emailOf(name), passwordOf(name));
  const done = await browser.decide(consent, APPROVE);
  const code = codeOf(done);
  assert.ok(code, `no code on ${done.url}:\n${done.html}`);
  const reply = await exchangeCode(url, client, code);
  assert.equal(reply.status, 200, reply.text);
  return reply.body.access_token;
}

export async function appToken(url, scopes = ALL_SCOPES) {
  const app = await registerApp(url, { scopes });
  const reply = await new Api(url).call('POST', '/oauth/token', {
    form: {
      grant_type: 'client_credentials', client_id: app.client_id, client_secret: app.client_secret,
      scope: scopes, redirect_uri: OOB,
    },
  });
  assert.equal(reply.status, 200, reply.text);
  return reply.body.access_token;
}
