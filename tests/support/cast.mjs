// The fixed cast: alice, bob and charlie, signed in on a server of their own.
import { Api } from './http.mjs';
import { Server } from './server.mjs';
import { tokenFor } from './sign_in.mjs';

export const CAST = ['alice', 'bob', 'charlie'];

// {name: Api with `name`, `token` and `id`} of members who sign in at `url`.
export async function signInAll(url, names) {
  const people = {};
  for (const name of names) {
    const api = new Api(url, await tokenFor(url, name));
    api.name = name;
    api.id = (await api.get('/api/v1/accounts/verify_credentials')).id;
    people[name] = api;
  }
  return people;
}

// {server, alice, bob, charlie, anyone}.
export async function startWithCast({ names = CAST, ...options } = {}) {
  const server = await Server.start({ users: names, ...options });
  return { server, anyone: new Api(server.url), ...await signInAll(server.url, names) };
}
