import { DeadlineQueue } from '../deadline-queue.ts';
import { Fifo } from '../fifo.ts';
import type { EventKind } from './event.ts';
import type { PostResult } from './http/webhook-client.ts';
import { OriginLimiter, type OriginLimiterOptions, toShare } from './origin-limiter.ts';

/** Permission for one POST to an origin. */
export interface Permit {
  readonly origin: string;
  /** Reports the outcome of the POST, undefined when none was made; harmless when repeated. */
  readonly release: (result: PostResult | undefined) => void;
}

export interface PermitQueueOptions extends OriginLimiterOptions {
  /** Called with each key whose turn has come; its permit counts until it is released. */
  readonly onGranted: (key: string, permit: Permit) => void;
  readonly maxTotal?: number;
}

interface Request {
  readonly key: string;
  readonly origin: OriginQueue;
  readonly kind: EventKind;
  isCancelled: boolean;
}

interface Line {
  readonly requests: Fifo<Request>;
  /** Whether it stands among those that take turns. */
  hasTurn: boolean;
}

interface OriginQueue {
  readonly name: string;
  readonly limiter: OriginLimiter;
  readonly lines: Readonly<Record<EventKind, Line>>;
  waitingCount: number;
}

/** Of the origins that failed but have nothing to do, so many are remembered. */
const MAX_IDLE_ORIGINS = 2048;

/**
 * Lines up jobs for their POSTs: one queue for each origin, final events before updates, within the
 * limits of each origin and of all. Origins take turns, and one that is busy or has an open circuit
 * holds back no other.
 */
export class PermitQueue {
  readonly #options: PermitQueueOptions;
  readonly #maxTotal: number;
  /** Those that have something to do. */
  readonly #origins = new Map<string, OriginQueue>();
  /** Those that failed last, oldest first. */
  readonly #idleOrigins = new Map<string, OriginQueue>();
  readonly #requests = new Map<string, Request>();
  readonly #turns = { final: new Fifo<OriginQueue>(), update: new Fifo<OriginQueue>() };
  readonly #halfOpenings: DeadlineQueue;
  #inFlightCount = 0;
  #isGranting = false;

  constructor(options: PermitQueueOptions) {
    this.#options = options;
    this.#maxTotal = options.maxTotal ?? 256;
    this.#halfOpenings = new DeadlineQueue(options.clock, (name) => {
      const origin = this.#origins.get(name);
      if (origin !== undefined) this.#retry(origin);
    });
  }

  get inFlightCount(): number {
    return this.#inFlightCount;
  }

  /** How many keys wait for a permit. */
  get length(): number {
    return this.#requests.size;
  }

  /** How many origins it holds state of. */
  get originCount(): number {
    return this.#origins.size + this.#idleOrigins.size;
  }

  /** Lines a key up once; one that waits with an update moves ahead for its final event. */
  request(key: string, originName: string, kind: EventKind): void {
    const known = this.#requests.get(key);
    const isCovered = known?.kind === kind || known?.kind === 'final';
    if (known?.origin.name === originName && isCovered) return;
    this.cancel(key);
    const origin = this.#toBusy(originName);
    const request = { key, origin, kind, isCancelled: false };
    this.#requests.set(key, request);
    origin.lines[kind].requests.push(request);
    origin.waitingCount += 1;
    this.#offerTurn(origin, kind);
    this.#grant();
  }

  cancel(key: string): void {
    const request = this.#requests.get(key);
    if (request === undefined) return;
    request.isCancelled = true;
    this.#requests.delete(key);
    request.origin.waitingCount -= 1;
    this.#forgetIdle(request.origin);
  }

  /** Forgets what waits; permits that were granted still count until they are released. */
  clear(): void {
    for (const key of [...this.#requests.keys()]) this.cancel(key);
    this.#halfOpenings.clear();
  }

  #toBusy(name: string): OriginQueue {
    const origin = this.#origins.get(name) ?? this.#idleOrigins.get(name) ?? this.#create(name);
    this.#idleOrigins.delete(name);
    this.#origins.set(name, origin);
    return origin;
  }

  #create(name: string): OriginQueue {
    const createLine = (): Line => ({ requests: new Fifo(), hasTurn: false });
    return {
      name,
      limiter: new OriginLimiter(this.#options),
      lines: { final: createLine(), update: createLine() },
      waitingCount: 0,
    };
  }

  #offerTurn(origin: OriginQueue, kind: EventKind): void {
    const line = origin.lines[kind];
    if (line.hasTurn || line.requests.size === 0) return;
    line.hasTurn = true;
    this.#turns[kind].push(origin);
  }

  #retry(origin: OriginQueue): void {
    this.#offerTurn(origin, 'final');
    this.#offerTurn(origin, 'update');
    this.#grant();
  }

  /** A call from within `onGranted` returns at once: the outer loop looks again anyway. */
  #grant(): void {
    if (this.#isGranting) return;
    this.#isGranting = true;
    try {
      while (this.#grantNext('final') || this.#grantNext('update'));
    } finally {
      this.#isGranting = false;
    }
  }

  #grantNext(kind: EventKind): boolean {
    const limit = toShare(this.#maxTotal, kind);
    while (this.#inFlightCount < limit) {
      const origin = this.#turns[kind].shift();
      if (origin === undefined) return false;
      const line = origin.lines[kind];
      line.hasTurn = false;
      while (line.requests.peek()?.isCancelled === true) line.requests.shift();
      const request = line.requests.peek();
      const permit = request && this.#admit(request);
      if (request === undefined || permit === undefined) continue;
      line.requests.shift();
      this.#requests.delete(request.key);
      origin.waitingCount -= 1;
      this.#offerTurn(origin, kind);
      this.#options.onGranted(request.key, permit);
      return true;
    }
    return false;
  }

  /** Without a permit, the origin gets its turn again when a permit of it or its circuit changes. */
  #admit({ origin, kind }: Request): Permit | undefined {
    const { name, limiter } = origin;
    const { openForMs } = limiter;
    if (openForMs > 0) {
      this.#halfOpenings.set(name, this.#options.clock.now() + openForMs);
      return undefined;
    }
    const leave = limiter.tryEnter(kind);
    if (leave === undefined) return undefined;
    this.#inFlightCount += 1;
    let isReleased = false;
    const release = (result: PostResult | undefined) => {
      if (isReleased) return;
      isReleased = true;
      this.#inFlightCount -= 1;
      leave(result);
      this.#retry(origin);
      this.#forgetIdle(origin);
    };
    return { origin: name, release };
  }

  #forgetIdle(origin: OriginQueue): void {
    const { name, limiter, waitingCount } = origin;
    if (waitingCount > 0 || limiter.inFlightCount > 0) return;
    this.#origins.delete(name);
    if (limiter.isWell) return;
    this.#idleOrigins.set(name, origin);
    if (this.#idleOrigins.size <= MAX_IDLE_ORIGINS) return;
    const [oldest] = this.#idleOrigins.keys();
    if (oldest !== undefined) this.#idleOrigins.delete(oldest);
  }
}
