// A small client for what the clients of others do not show: raw calls with their status and headers.
export class Api {
  constructor(url, token) {
    this.url = url;
    this.token = token;
  }

  // Options: query, json, form, headers, body. Returns {status, headers, text, body, link}.
  async call(method, path, { query, json, form, headers = {}, body } = {}) {
    const url = new URL(path, this.url);
    for (const [name, value] of Object.entries(query ?? {})) {
      for (const one of Array.isArray(value) ? value : [value]) url.searchParams.append(name, one);
    }
    const all = { ...headers };
    if (this.token && !all.authorization) all.authorization = `Bearer ${this.token}`;
    let payload = body;
    if (json !== undefined) {
      all['content-type'] = 'application/json';
      payload = JSON.stringify(json);
    } else if (form !== undefined) {
      payload = form instanceof FormData ? form : new URLSearchParams(form);
    }
    const reply = await fetch(url, { method, headers: all, body: payload, redirect: 'manual' });
    const text = await reply.text();
    let parsed;
    try {
      parsed = JSON.parse(text);
    } catch {
      parsed = undefined;
    }
    return {
      status: reply.status, headers: reply.headers, text, body: parsed,
      link: parseLink(reply.headers.get('link')),
    };
  }

  // The body, or an error that says what was answered instead.
  async expect(status, method, path, options) {
    const reply = await this.call(method, path, options);
    if (reply.status !== status) {
      throw new Error(`${method} ${path}: ${reply.status} instead of ${status}: ${reply.text.slice(0, 300)}`);
    }
    return reply.body;
  }

  get(path, query) { return this.expect(200, 'GET', path, { query }); }
  post(path, json, options = {}) { return this.expect(200, 'POST', path, { json, ...options }); }
  delete(path) { return this.expect(200, 'DELETE', path); }

  // All items of a list, page after page by its Link header.
  async all(path, query, pagesMax = 100) {
    const items = [];
    let reply = await this.call('GET', path, { query });
    for (let page = 0; page < pagesMax; page += 1) {
      if (reply.status !== 200) throw new Error(`${path}: ${reply.status} ${reply.text}`);
      items.push(...reply.body);
      if (!reply.link.next || reply.body.length === 0) return items;
      reply = await this.call('GET', reply.link.next);
    }
    throw new Error(`${path} does not end within ${pagesMax} pages`);
  }
}

// {next, prev} of a Link header (RFC 8288).
export function parseLink(header) {
  const links = {};
  for (const [, url, rel] of (header ?? '').matchAll(/<([^>]*)>;\s*rel="(\w+)"/g)) links[rel] = url;
  return links;
}
