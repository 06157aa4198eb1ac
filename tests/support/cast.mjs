// The fixed cast: alice, bob and charlie, signed in on a server of their own.
import { Api } from './http.mjs';
import { Server } from './server.mjs';
import { tokenFor } from './sign_in.mjs';

export const CAST = ['alice', 'bob', 'charlie'];

// {server, alice, bob, charlie, anyone}: each an Api with `name`, `token` and `id`.
export async function startWithCast({ names = CAST, ...options } = {}) {
  const server = await Server.start({ users: names, ...options });
  const people = { server, anyone: new Api(server.url) };
  for (const name of names) {
    const api = new Api(server.url, await tokenFor(server.url, name));
    api.name = name;
    api.id = (await api.get('/api/v1/accounts/verify_credentials')).id;
    people[name] = api;
  }
  return people;
}
