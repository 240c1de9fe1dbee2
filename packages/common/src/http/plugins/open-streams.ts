import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../clock.ts';
import { errors } from '../../errors.ts';
import { readToken } from './auth.ts';
import { EventStream } from './event-stream.ts';
import { logLeaving } from './log-leaving.ts';
import type { Tokens } from './tokens.ts';

/** Some kilobytes each, and a socket. */
const MAX_STREAMS = 5000;
const TICK_MS = 2000;

/** Of the events of one job, or of many. */
export type StreamKind = 'job' | 'jobs';

export interface StreamWork {
  readonly kind: StreamKind;
  readonly follow: (stream: EventStream) => Promise<void>;
}

export interface OpenStreamsParts {
  readonly clock: Clock;
  readonly tokens: Tokens;
  readonly maxStreams?: number;
  readonly random?: () => number;
}

/** All streams of a service: they end when it closes, and when their token is withdrawn. */
export class OpenStreams {
  readonly #parts: OpenStreamsParts;
  readonly #open = new Map<EventStream, FastifyRequest>();
  readonly #counts = { job: 0, jobs: 0 };
  #cancelTick: (() => void) | undefined;
  #isClosing = false;

  constructor(app: FastifyInstance, parts: OpenStreamsParts) {
    this.#parts = parts;
    app.addHook('preClose', async () => {
      this.#isClosing = true;
      this.#cancelTick?.();
      for (const stream of this.#open.keys()) stream.close();
    });
  }

  /** How many are open of one job, and of many. */
  get counts(): Readonly<Record<StreamKind, number>> {
    return this.#counts;
  }

  /** @throws TrainerError OVERLOADED where no further one may be opened. */
  assertRoom(): void {
    const { maxStreams = MAX_STREAMS } = this.#parts;
    if (this.#open.size >= maxStreams || this.#isClosing) throw errors.overloaded();
  }

  /** Runs `follow` on a stream of its own, which ends with it. */
  async run(
    request: FastifyRequest,
    reply: FastifyReply,
    { kind, follow }: StreamWork,
  ): Promise<void> {
    this.assertRoom();
    const { clock, random = Math.random } = this.#parts;
    const stream = new EventStream(reply, { nowMs: clock.monotonic(), random });
    this.#open.set(stream, request);
    this.#counts[kind] += 1;
    logLeaving(request, reply);
    this.#cancelTick ??= clock.schedule(TICK_MS, () => this.#tick());
    try {
      await follow(stream);
    } catch (error) {
      // Its reader comes back, and is told then.
      request.log.debug({ err: error }, 'stream cut');
    } finally {
      stream.close();
      this.#open.delete(stream);
      this.#counts[kind] -= 1;
    }
  }

  #tick(): void {
    const { clock, tokens } = this.#parts;
    this.#cancelTick = undefined;
    if (this.#open.size === 0) return;
    this.#cancelTick = clock.schedule(TICK_MS, () => this.#tick());
    const nowMs = clock.monotonic();
    // Few tokens have many streams, and to look at one may read a file.
    const verdicts = new Map<string, boolean>();
    for (const [stream, request] of this.#open) {
      const token = readToken(request) ?? '';
      const mayRead = verdicts.get(token) ?? (tokens.isOpen || tokens.mayRead(token));
      verdicts.set(token, mayRead);
      if (!mayRead) stream.close();
      stream.tick(nowMs);
      stream.wake();
    }
  }
}
