// The route table as the program itself prints it.
import { run } from './server.mjs';

// Rows {method, path, auth, scopes}: auth is none, optional, app or user; scopes a list.
export async function loadRoutes() {
  const lines = (await run(['routes'])).split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const [method, path, auth, scopes = ''] = line.split('\t');
    return { method, path, auth: auth.toLowerCase(), scopes: scopes.split(' ').filter((s) => s && s !== '-') };
  });
}

const specificity = (path) => path.split('/').map((part) =>
  (part.startsWith('*') ? '2' : part.startsWith(':') ? '1' : '0')).join('');

// The row that a request to `pathname` ends at, as the router decides: literal segments win.
export function matchRoute(routes, method, pathname) {
  const matching = routes.filter((route) => {
    const pattern = route.path
      .split('/')
      .map((part) => (part.startsWith(':') ? '[^/]+'
        : part.startsWith('*') ? '.*'
        : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
            .replace(/:[a-z_]+/, '[^/]+')))
      .join('/');
    return route.method === method && new RegExp(`^${pattern}/?$`).test(pathname);
  });
  return matching.sort((a, b) => (specificity(a.path) < specificity(b.path) ? -1 : 1))[0];
}
