import type { FastifyInstance } from 'fastify';
import { errors } from '../../errors.ts';

/**
 * Answers for what no route takes: 405 with `Allow` where a route has the path and other methods,
 * else 404. Before any route is registered.
 */
export function registerNotFound(app: FastifyInstance): void {
  const methodsByUrl = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const methods = methodsByUrl.get(url) ?? new Set();
    methodsByUrl.set(url, methods);
    for (const name of [method].flat()) methods.add(name);
  });
  // Before the body is read: what is wrong with it does not matter here.
  app.addHook('preParsing', async ({ is404, method, url }, reply) => {
    // With CORS every path takes an OPTIONS; what is still here was no preflight.
    if (!is404 && method !== 'OPTIONS') return;
    const allowed = [...methodsByUrl].filter(([pattern]) => isMatch(pattern, url));
    const methods = [...new Set(allowed.flatMap(([, names]) => [...names]))];
    if (methods.length === 0) throw errors.routeNotFound(method);
    reply.header('allow', methods.join(', '));
    throw errors.methodNotAllowed(method, methods);
  });
}

/** Whether `/train/:job_id` is the pattern of `/train/x?y`. */
function isMatch(pattern: string, url: string): boolean {
  const path = url.split('?', 1)[0] ?? '';
  const segments = toSegments(path);
  const expected = toSegments(pattern);
  return (
    segments.length === expected.length &&
    expected.every((name, index) =>
      name.startsWith(':') ? segments[index] !== '' : name === segments[index],
    )
  );
}

function toSegments(path: string): string[] {
  return path.replace(/\/$/, '').split('/');
}
