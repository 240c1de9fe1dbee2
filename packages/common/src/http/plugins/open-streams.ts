import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Random } from '../../backoff.ts';
import type { Clock } from '../../clock.ts';
import { errors } from '../../errors.ts';
import { EventStream } from './event-stream.ts';
import { logLeaving } from './log-leaving.ts';
import type { OpenRequests } from './open-requests.ts';

/** Some kilobytes each, and a socket. */
const MAX_STREAMS = 5000;

/** Of the events of one job, or of many. */
export type StreamKind = 'job' | 'jobs';

export interface StreamWork {
  readonly kind: StreamKind;
  readonly follow: (stream: EventStream) => Promise<void>;
}

export interface OpenStreamsParts {
  readonly clock: Clock;
  readonly openRequests: OpenRequests;
  readonly maxStreams?: number;
  readonly random: Random;
}

/** All streams of events of a service, which end when it closes. */
export class OpenStreams {
  readonly #parts: OpenStreamsParts;
  readonly #open = new Set<EventStream>();
  readonly #counts = { job: 0, jobs: 0 };
  #isClosing = false;

  constructor(app: FastifyInstance, parts: OpenStreamsParts) {
    this.#parts = parts;
    app.addHook('preClose', async () => {
      this.#isClosing = true;
      for (const stream of this.#open) stream.close();
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
    const { clock, openRequests, random } = this.#parts;
    logLeaving(request, reply);
    const stream = new EventStream(reply, { nowMs: clock.monotonic(), random });
    this.#open.add(stream);
    this.#counts[kind] += 1;
    const tick = (nowMs: number) => {
      stream.tick(nowMs);
      stream.wake();
    };
    const unwatch = openRequests.watch(request, { end: () => stream.close(), tick });
    try {
      await follow(stream);
    } catch (error) {
      // Its reader comes back, and is told then.
      request.log.debug({ err: error }, 'stream cut');
    } finally {
      stream.close();
      unwatch();
      this.#open.delete(stream);
      this.#counts[kind] -= 1;
    }
  }
}
