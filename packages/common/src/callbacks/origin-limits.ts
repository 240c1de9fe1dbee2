import type { Clock } from '../clock.ts';
import { MAX_CONNECTIONS_PER_ORIGIN, type PostResult } from './http/webhook-client.ts';

/**
 * `entered`: a slot is held until `leave` is called, which is harmless to repeat.
 * `full`: `onFree` will be called with the origin.
 * `open`: the origin failed too often; ask again at `retryAtMs` (UNIX milliseconds).
 */
export type Admission =
  | { readonly kind: 'entered'; readonly leave: (result: PostResult | undefined) => void }
  | { readonly kind: 'full' }
  | { readonly kind: 'open'; readonly retryAtMs: number };

export interface OriginLimitsOptions {
  readonly clock: Clock;
  /**
   * Called when an origin that was told `full` should ask again. Offer what waits for the origin,
   * ends first, within this call, until one is not admitted or nothing is left.
   */
  readonly onFree: (origin: string) => void;
  readonly maxPerOrigin?: number;
  readonly maxTotal?: number;
  /** So many counted failures in a row open the circuit. */
  readonly failuresToOpen?: number;
  readonly openMs?: number;
}

interface OriginState {
  inFlightCount: number;
  failureCount: number;
  /** On the monotonic clock; undefined while the circuit is closed. */
  openUntilMs: number | undefined;
  isProbing: boolean;
}

/** Of the origins with failures but nothing in flight, so many are remembered. */
const MAX_IDLE_ORIGINS = 2048;
/** Of every limit, what heartbeats may use; the rest is kept for ends, which never queue behind them. */
const HEARTBEAT_SHARE = 0.75;
/**
 * So much longer is a circuit open to heartbeats: a receiver may refuse those and take ends, which
 * would never come to their turn if any of many heartbeats were the probe.
 */
const END_PROBES_FIRST_MS = 1000;
const FULL: Admission = { kind: 'full' };

/**
 * Who may POST now: a limit per origin and in all, and a circuit per origin. Freed slots go round
 * the waiting origins one by one, to ends first. A circuit opens after five failures in a row that
 * are the origin's own (no answer, 429, 5xx); after `openMs` one probe, an end if there is one that
 * waits, decides whether it closes.
 * It has no timers, and forgets origins that are idle and well.
 */
export class OriginLimits {
  readonly #clock: Clock;
  readonly #onFree: (origin: string) => void;
  readonly #maxPerOrigin: number;
  readonly #maxTotal: number;
  readonly #failuresToOpen: number;
  readonly #openMs: number;
  /** Idle ones in the order in which they became idle. */
  readonly #origins = new Map<string, OriginState>();
  readonly #waitingEnds = new Set<string>();
  readonly #waitingHeartbeats = new Set<string>();
  #inFlightCount = 0;
  #isWaking = false;

  constructor(options: OriginLimitsOptions) {
    this.#clock = options.clock;
    this.#onFree = options.onFree;
    this.#maxPerOrigin = options.maxPerOrigin ?? MAX_CONNECTIONS_PER_ORIGIN;
    this.#maxTotal = options.maxTotal ?? 256;
    this.#failuresToOpen = options.failuresToOpen ?? 5;
    this.#openMs = options.openMs ?? 30_000;
  }

  get inFlightCount(): number {
    return this.#inFlightCount;
  }

  /** How many origins it holds state of. */
  get originCount(): number {
    return this.#origins.size;
  }

  /** Asks for a slot for one POST to `origin` (see `toOrigin`). */
  tryEnter(origin: string, { isEnd }: { readonly isEnd: boolean }): Admission {
    const state = this.#origins.get(origin) ?? newState();
    const openForMs = this.#openForMs(state, isEnd);
    if (openForMs > 0) {
      return { kind: 'open', retryAtMs: Math.ceil(this.#clock.now() + openForMs) };
    }
    if (this.#isFull(state, isEnd)) {
      (isEnd ? this.#waitingEnds : this.#waitingHeartbeats).add(origin);
      return FULL;
    }
    const isProbe = state.openUntilMs !== undefined;
    if (isProbe) state.isProbing = true;
    state.inFlightCount += 1;
    this.#inFlightCount += 1;
    this.#origins.set(origin, state);
    let hasLeft = false;
    const leave = (result: PostResult | undefined) => {
      if (hasLeft) return;
      hasLeft = true;
      this.#leave(origin, state, isProbe, result);
    };
    return { kind: 'entered', leave };
  }

  #leave(origin: string, state: OriginState, isProbe: boolean, result: PostResult | undefined) {
    state.inFlightCount -= 1;
    this.#inFlightCount -= 1;
    if (isProbe) state.isProbing = false;
    if (result !== undefined && !result.isRefused) this.#judge(state, isProbe, result);
    if (state.inFlightCount === 0) this.#forget(origin, state);
    this.#wake();
  }

  #judge(state: OriginState, isProbe: boolean, result: PostResult): void {
    if (!isOriginFailure(result)) {
      state.failureCount = 0;
      state.openUntilMs = undefined;
      return;
    }
    state.failureCount += 1;
    const isClosed = state.openUntilMs === undefined;
    if (isProbe || (isClosed && state.failureCount >= this.#failuresToOpen)) {
      state.openUntilMs = this.#clock.monotonic() + this.#openMs;
    }
  }

  #forget(origin: string, state: OriginState): void {
    this.#origins.delete(origin);
    if (state.failureCount === 0) return;
    this.#origins.set(origin, state);
    if (this.#origins.size <= MAX_IDLE_ORIGINS + this.#maxTotal) return;
    for (const [oldest, { inFlightCount }] of this.#origins) {
      if (inFlightCount > 0) continue;
      this.#origins.delete(oldest);
      return;
    }
  }

  #openForMs({ openUntilMs }: OriginState, isEnd: boolean): number {
    if (openUntilMs === undefined) return 0;
    return openUntilMs + (isEnd ? 0 : END_PROBES_FIRST_MS) - this.#clock.monotonic();
  }

  #isFull(state: OriginState, isEnd: boolean): boolean {
    if (state.isProbing) return true;
    const share = isEnd ? 1 : HEARTBEAT_SHARE;
    return state.inFlightCount >= Math.ceil(this.#maxPerOrigin * share) || this.#isFullInAll(isEnd);
  }

  #isFullInAll(isEnd: boolean): boolean {
    return this.#inFlightCount >= Math.ceil(this.#maxTotal * (isEnd ? 1 : HEARTBEAT_SHARE));
  }

  /** A call from within `onFree` returns at once: the outer loop looks again anyway. */
  #wake(): void {
    if (this.#isWaking) return;
    this.#isWaking = true;
    try {
      for (let next = this.#takeFree(); next !== undefined; next = this.#takeFree()) {
        this.#onFree(next);
      }
    } finally {
      this.#isWaking = false;
    }
  }

  /** The next waiting origin that would not be told `full` again; to hear that a circuit is open is news too. */
  #takeFree(): string | undefined {
    return (
      this.#takeFreeOf(this.#waitingEnds, true) ?? this.#takeFreeOf(this.#waitingHeartbeats, false)
    );
  }

  #takeFreeOf(waiting: Set<string>, isEnd: boolean): string | undefined {
    if (this.#isFullInAll(isEnd)) return undefined;
    for (const origin of waiting) {
      const state = this.#origins.get(origin);
      if (state && this.#isFull(state, isEnd)) continue;
      waiting.delete(origin);
      return origin;
    }
    return undefined;
  }
}

/** Scheme, host and port of a URL, with which its POSTs are counted; empty for what is none. */
export function toOrigin(url: string): string {
  return URL.parse(url)?.origin ?? '';
}

function isOriginFailure({ status }: PostResult): boolean {
  return status === undefined || status === 429 || status >= 500;
}

function newState(): OriginState {
  return { inFlightCount: 0, failureCount: 0, openUntilMs: undefined, isProbing: false };
}
