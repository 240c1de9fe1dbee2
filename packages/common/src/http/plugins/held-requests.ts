import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { logLeaving } from './log-leaving.ts';

/** Requests that are answered late on purpose: they end when their client leaves or the service closes. */
export class HeldRequests {
  readonly #held = new Set<AbortController>();

  constructor(app: FastifyInstance) {
    app.addHook('preClose', async () => {
      for (const controller of this.#held) controller.abort();
    });
  }

  /** How many wait now. */
  get count(): number {
    return this.#held.size;
  }

  /** Runs `work` with a signal that says when nobody waits for its outcome any more. */
  async hold<T>(
    request: FastifyRequest,
    reply: FastifyReply,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    logLeaving(request, reply);
    const controller = new AbortController();
    const leave = () => controller.abort();
    this.#held.add(controller);
    reply.raw.once('close', leave);
    try {
      return await work(controller.signal);
    } finally {
      reply.raw.off('close', leave);
      this.#held.delete(controller);
    }
  }
}
