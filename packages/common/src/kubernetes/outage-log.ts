import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import { ApiError } from './api-client.ts';

export interface OutageLogParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly messages: { readonly begins: string; readonly goesOn: string; readonly ends: string };
  /** What each line holds beside the failure. */
  readonly describe?: () => object;
}

/** How often an outage that lasts is logged. */
const REPEAT_MS = 60_000;
/** A failure this soon after the last one belongs to the same outage, whatever succeeded between. */
const QUIET_MS = 5000;

interface Outage {
  readonly beganAtMs: number;
  failureCount: number;
  lastFailureAtMs: number;
  toldAtMs: number;
}

/** Failures that repeat themselves, in one line when they begin, one a minute, and one when they end. */
export class OutageLog {
  readonly #parts: OutageLogParts;
  #outage: Outage | undefined;
  #cancelEnd: (() => void) | undefined;

  constructor(parts: OutageLogParts) {
    this.#parts = parts;
  }

  failed(error: unknown): void {
    const { clock, logger, messages, describe } = this.#parts;
    this.#keepOpen();
    const nowMs = clock.monotonic();
    const isNew = this.#outage === undefined;
    this.#outage ??= { beganAtMs: nowMs, failureCount: 0, lastFailureAtMs: 0, toldAtMs: nowMs };
    this.#outage.failureCount += 1;
    this.#outage.lastFailureAtMs = nowMs;
    if (!isNew && nowMs - this.#outage.toldAtMs < REPEAT_MS) return;
    this.#outage.toldAtMs = nowMs;
    const message = isNew ? messages.begins : messages.goesOn;
    logger.warn({ ...describe?.(), ...toFields(error), ...toFigures(this.#outage) }, message);
  }

  succeeded(): void {
    if (this.#outage === undefined || this.#cancelEnd !== undefined) return;
    this.#cancelEnd = this.#parts.clock.schedule(QUIET_MS, () => this.#end());
  }

  /** Says nothing any more until the next failure. */
  close(): void {
    this.#keepOpen();
    this.#outage = undefined;
  }

  #end(): void {
    const { logger, messages, describe } = this.#parts;
    if (this.#outage) logger.info({ ...describe?.(), ...toFigures(this.#outage) }, messages.ends);
    this.close();
  }

  #keepOpen(): void {
    this.#cancelEnd?.();
    this.#cancelEnd = undefined;
  }
}

/** Without a stack, which for the same cause is the same each time. */
function toFields(error: unknown) {
  return {
    failure: error instanceof Error ? error.message : String(error),
    server_message: error instanceof ApiError ? error.serverMessage : undefined,
  };
}

/** For a line of a log, where what never was is left out. */
export function toWholeMs(ms: number): number | undefined {
  return Number.isFinite(ms) ? Math.round(ms) : undefined;
}

function toFigures({ beganAtMs, lastFailureAtMs, failureCount }: Outage) {
  return { failed_calls: failureCount, for_ms: toWholeMs(lastFailureAtMs - beganAtMs) };
}
