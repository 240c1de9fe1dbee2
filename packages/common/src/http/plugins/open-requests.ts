import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Random } from '../../backoff.ts';
import type { Clock } from '../../clock.ts';
import { errors, type TrainerError } from '../../errors.ts';
import { readToken } from './auth.ts';
import type { Tokens } from './tokens.ts';

const TICK_MS = 2000;
/** Then the reader comes back, to whichever replica, with the token that is good by then. */
const LIFETIME_MS = 30 * 60_000;

export interface OpenRequestsParts {
  readonly clock: Clock;
  readonly tokens: Tokens;
  readonly random: Random;
}

/** What becomes of a request that stays open. */
export interface OpenRequest {
  /** Ends it: with what its reader is refused with, or after its time. May be called again. */
  readonly end: (refusal?: TrainerError) => void;
  /** Called every two seconds, with the clock's monotonic time. */
  readonly tick?: (nowMs: number) => void;
}

interface Watched extends OpenRequest {
  readonly token: string;
  readonly endsAtMs: number;
}

/** Requests that stay open: none outlives the token that it came with, nor half an hour. */
export class OpenRequests {
  readonly #parts: OpenRequestsParts;
  readonly #open = new Set<Watched>();
  #cancelTick: (() => void) | undefined;

  constructor(app: FastifyInstance, parts: OpenRequestsParts) {
    this.#parts = parts;
    app.addHook('preClose', async () => {
      this.#cancelTick?.();
    });
  }

  /** Looks after a request from now on, until the function that it returns is called. */
  watch(request: FastifyRequest, open: OpenRequest): () => void {
    const { clock, random } = this.#parts;
    // Those who came together must not come back together.
    const endsAtMs = clock.monotonic() + LIFETIME_MS * (0.9 + 0.1 * random());
    const watched = { ...open, token: readToken(request) ?? '', endsAtMs };
    this.#open.add(watched);
    this.#cancelTick ??= clock.schedule(TICK_MS, () => this.#tick());
    return () => this.#open.delete(watched);
  }

  #tick(): void {
    const { clock, tokens } = this.#parts;
    this.#cancelTick = undefined;
    if (this.#open.size === 0) return;
    this.#cancelTick = clock.schedule(TICK_MS, () => this.#tick());
    const nowMs = clock.monotonic();
    // Few tokens have many requests, and to look at one may read a file.
    const verdicts = new Map<string, boolean>();
    for (const { token, endsAtMs, end, tick } of this.#open) {
      const mayRead = verdicts.get(token) ?? (tokens.isOpen || tokens.mayRead(token));
      verdicts.set(token, mayRead);
      if (!mayRead) end(errors.tokenWrong());
      else if (nowMs >= endsAtMs) end();
      else tick?.(nowMs);
    }
  }
}
