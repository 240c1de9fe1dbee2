import type { Clock } from '../clock.ts';
import type { EventKind } from './event.ts';
import { MAX_CONNECTIONS_PER_ORIGIN, type PostResult } from './http/webhook-client.ts';

export interface OriginLimiterOptions {
  readonly clock: Clock;
  readonly maxInFlight?: number;
  /** So many failures in a row that are the origin's own open the circuit. */
  readonly failuresToOpen?: number;
  readonly openMs?: number;
  /** How many POSTs a half-open circuit lets through at a time. */
  readonly probes?: number;
}

/** Gives back the place that `tryEnter` took, once, with what became of the POST. */
export type Leave = (result: PostResult | undefined) => void;

/** Of every limit, what updates may use; the rest is kept for final events. */
const UPDATE_SHARE = 0.75;

/** How many of `limit` places events of a kind may take. */
export function toShare(limit: number, kind: EventKind): number {
  return kind === 'final' ? limit : Math.ceil(limit * UPDATE_SHARE);
}

/**
 * How many POSTs may be on their way to one origin, and whether any: its circuit opens after five
 * failures in a row (no answer, 429, 5xx), lets a few probes through half a minute later, closes
 * with the first answer and opens again with the first failure.
 */
export class OriginLimiter {
  readonly #clock: Clock;
  readonly #maxInFlight: number;
  readonly #failuresToOpen: number;
  readonly #openMs: number;
  readonly #probes: number;
  #inFlightCount = 0;
  #failureCount = 0;
  /** On the monotonic clock; undefined while the circuit is closed. */
  #openUntilMs: number | undefined;

  constructor(options: OriginLimiterOptions) {
    this.#clock = options.clock;
    this.#maxInFlight = options.maxInFlight ?? MAX_CONNECTIONS_PER_ORIGIN;
    this.#failuresToOpen = options.failuresToOpen ?? 5;
    this.#openMs = options.openMs ?? 30_000;
    this.#probes = options.probes ?? 4;
  }

  get inFlightCount(): number {
    return this.#inFlightCount;
  }

  /** Whether it has nothing to remember: nothing is on its way, and the last answer was good. */
  get isWell(): boolean {
    return this.#inFlightCount === 0 && this.#failureCount === 0;
  }

  /** How long the circuit lets nothing through, in milliseconds. */
  get openForMs(): number {
    if (this.#openUntilMs === undefined) return 0;
    return Math.max(0, this.#openUntilMs - this.#clock.monotonic());
  }

  /** A place for one POST, or undefined. */
  tryEnter(kind: EventKind): Leave | undefined {
    if (this.openForMs > 0) return undefined;
    const isProbe = this.#openUntilMs !== undefined;
    const limit = isProbe ? this.#probes : this.#maxInFlight;
    if (this.#inFlightCount >= toShare(limit, kind)) return undefined;
    this.#inFlightCount += 1;
    return (result) => {
      this.#inFlightCount -= 1;
      if (result !== undefined && !result.isRefused) this.#judge(result, isProbe);
    };
  }

  #judge({ status }: PostResult, isProbe: boolean): void {
    const hasFailed = status === undefined || status === 429 || status >= 500;
    if (!hasFailed) {
      this.#failureCount = 0;
      this.#openUntilMs = undefined;
      return;
    }
    this.#failureCount += 1;
    const isClosed = this.#openUntilMs === undefined;
    const isHalfOpen = !isClosed && this.openForMs === 0;
    // A probe, since what was on its way when the circuit opened says nothing about now.
    if (isHalfOpen ? isProbe : isClosed && this.#failureCount >= this.#failuresToOpen) {
      this.#openUntilMs = this.#clock.monotonic() + this.#openMs;
    }
  }
}

/** Scheme, host and port of a URL, with which its POSTs are counted; empty for what is none. */
export function toOrigin(url: string): string {
  return URL.parse(url)?.origin ?? '';
}
