import type { FastifyInstance } from 'fastify';
import { isLoopbackHost } from '../../config/loopback-host.ts';
import type { Config } from '../../config.ts';
import { errors } from '../../errors.ts';
import type { Tokens } from './tokens.ts';

const LOOPBACK = /^(localhost|[a-z0-9.-]+\.localhost|127(\.\d{1,3}){3}|\[::1\])$/i;
/** Probes come under whatever name, and learn nothing of jobs. */
const EXEMPT = new Set<string | undefined>(['/healthz', '/readyz']);

/**
 * Where only this machine can call and nobody needs a token, lets in only what was meant for a
 * loopback name: any web page can have its own name resolve to 127.0.0.1 (DNS rebinding), or post
 * to it, and would otherwise start and read jobs.
 */
export function registerHostCheck(app: FastifyInstance, config: Config, tokens: Tokens): void {
  if (!isLoopbackHost(config.host) || !tokens.isOpen) return;
  const allowed = new Set(config.allowedHosts);
  const isAllowed = (name: string) => LOOPBACK.test(name) || allowed.has(name.toLowerCase());
  app.addHook('onRequest', ({ headers, routeOptions }, _reply, done) => {
    const { host = '', origin } = headers;
    if (EXEMPT.has(routeOptions.url)) return done();
    if (!isAllowed(withoutPort(host))) return done(errors.hostNotAllowed('Host'));
    const isOurs =
      origin === undefined || isAllowed(withoutPort(origin.replace(/^https?:\/\//, '')));
    done(isOurs ? undefined : errors.hostNotAllowed('Origin'));
  });
}

function withoutPort(host: string): string {
  return host.replace(/:\d*$/, '');
}
