import type { FastifyInstance } from 'fastify';

/** Requests take milliseconds: what closing still waits for by then is a client that stalls. */
const CLOSE_STALLED_AFTER_MS = 3000;

/** Closing lets requests finish, and then waits for no client. */
export function registerClosing(app: FastifyInstance): void {
  app.addHook('preClose', async () => {
    // Node closes idle connections once; those that were busy at that moment become idle later.
    const reaping = setInterval(() => app.server.closeIdleConnections(), 50);
    const cutting = setTimeout(() => app.server.closeAllConnections(), CLOSE_STALLED_AFTER_MS);
    app.server.once('close', () => {
      clearInterval(reaping);
      clearTimeout(cutting);
    });
  });
}
