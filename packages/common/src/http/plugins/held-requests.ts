import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { TrainerError } from '../../errors.ts';
import { logLeaving } from './log-leaving.ts';
import { onceClosed } from './once-closed.ts';
import type { OpenRequests } from './open-requests.ts';

/** Requests that are answered late on purpose: they end when their client leaves or the service closes. */
export class HeldRequests {
  readonly #openRequests: OpenRequests;
  readonly #held = new Set<AbortController>();

  constructor(app: FastifyInstance, openRequests: OpenRequests) {
    this.#openRequests = openRequests;
    app.addHook('preClose', async () => {
      for (const controller of this.#held) controller.abort();
    });
  }

  /** How many wait now. */
  get count(): number {
    return this.#held.size;
  }

  /**
   * Runs `work` with a signal that says when nobody waits for its outcome any more.
   * @throws TrainerError FORBIDDEN where the token was withdrawn meanwhile.
   */
  async hold<T>(
    request: FastifyRequest,
    reply: FastifyReply,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    logLeaving(request, reply);
    const controller = new AbortController();
    const leave = () => controller.abort();
    let refusal: TrainerError | undefined;
    const end = (why?: TrainerError) => {
      refusal = why;
      leave();
    };
    const unwatch = this.#openRequests.watch(request, { end });
    this.#held.add(controller);
    onceClosed(reply.raw, leave);
    try {
      const outcome = await work(controller.signal);
      if (refusal !== undefined) throw refusal;
      return outcome;
    } finally {
      unwatch();
      reply.raw.off('close', leave);
      this.#held.delete(controller);
    }
  }
}
