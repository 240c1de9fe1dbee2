import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import { Emitter } from '../emitter.ts';
import type { Leadership } from '../jobs/leadership.ts';
import { Sequence } from '../jobs/sequence.ts';
import { type ApiClient, ApiError } from './api-client.ts';
import { BackgroundLoop } from './background-loop.ts';
import { BACKEND_LABEL } from './labels.ts';
import {
  LEASE_SECONDS,
  type Lease,
  type Sighting,
  toAcquired,
  toNumberedUntilMs,
  toReleased,
  toRenewed,
  toSighting,
} from './lease-state.ts';
import { isOutage } from './outage.ts';
import { pause } from './pause.ts';
import { UnledLog } from './unled-log.ts';

export interface LeaseParts {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly backend: string;
  readonly namespace: string;
  /** Differs between any two processes; by default made up. */
  readonly identity?: string;
}

const RENEW_MS = 2000;
/** We stop this long before others may take over, for what was begun in the last moment. */
const MARGIN_MS = 2000;
/** Of the time that a renewal has, so that one whose answer is lost can be repeated. */
const CALL_TIMEOUT_MS = (LEASE_SECONDS * 1000 - MARGIN_MS - RENEW_MS) / 2;
const RELEASE_TIMEOUT_MS = 1000;

/**
 * Leadership over one backend's jobs, held in one Lease: renewed every 2 s, given up by ourselves
 * 13 s after the last renewal, taken over by another replica 15 s after it last saw one.
 */
export class LeaseLeadership implements Leadership {
  readonly #parts: LeaseParts;
  readonly #identity: string;
  readonly #collection: string;
  readonly #name: string;
  readonly #changes = new Emitter<boolean>();
  readonly #unledLog: UnledLog;
  #lease: Lease | undefined;
  #sighting: Sighting | undefined;
  readonly #sequence: Sequence;
  /** Monotonic time until which we may act; counted from before the renewal was sent. */
  #deadlineMs = Number.NEGATIVE_INFINITY;
  /** Whether listeners believe that we lead. */
  #isAnnounced = false;
  readonly #loop = new BackgroundLoop((signal, attempted) => this.#compete(signal, attempted));
  #disarm: (() => void) | undefined;

  constructor(parts: LeaseParts) {
    this.#parts = parts;
    this.#unledLog = new UnledLog(parts.logger);
    this.#sequence = new Sequence(parts.clock);
    this.#identity = parts.identity ?? `${hostname()}_${randomUUID()}`;
    this.#collection = `/apis/coordination.k8s.io/v1/namespaces/${parts.namespace}/leases`;
    this.#name = `trainer-${parts.backend}`;
  }

  isLeader(): boolean {
    return this.#isAnnounced && this.#parts.clock.monotonic() < this.#deadlineMs;
  }

  nextSequence(): number {
    return this.#sequence.next();
  }

  watch(listener: (isLeader: boolean) => void): () => void {
    return this.#changes.watch(listener);
  }

  /** Starts competing; resolves after the first attempt, whatever became of it. */
  open(): Promise<void> {
    return this.#loop.open();
  }

  /** Stops competing and frees the Lease, so that another replica leads at once. */
  async close(): Promise<void> {
    if (!this.#loop.isOpen) return;
    await this.#loop.close();
    const wasLeader = this.isLeader();
    this.#lose();
    if (wasLeader) await this.#release();
  }

  async #compete(signal: AbortSignal, attempted: () => void): Promise<void> {
    let hasFailed = false;
    while (!signal.aborted) {
      let isOut = false;
      try {
        await this.#attempt(signal);
        hasFailed = false;
      } catch (error) {
        if (signal.aborted) break;
        isOut = error instanceof ApiError && isOutage(error);
        if (!hasFailed && !isOut) {
          this.#warn(error, 'lease could not be read or renewed, retrying');
          hasFailed = true;
        }
      }
      if (!isOut) this.#noteWhoLeads();
      attempted();
      await this.#pause(signal);
    }
    attempted();
  }

  /** While the API server is away nobody can know, and that is told once, for all who call it. */
  #noteWhoLeads(): void {
    const nowMs = this.#parts.clock.monotonic();
    const isLed = this.isLeader() || nowMs < (this.#sighting?.expiresAtMs ?? 0);
    this.#unledLog.note(isLed, this.#name, nowMs);
  }

  async #attempt(signal: AbortSignal): Promise<void> {
    // Who leads writes at once; a conflict means that somebody else wrote, so it looks first.
    if (this.isLeader() && this.#lease && (await this.#renew(this.#lease, signal))) return;
    const lease = await this.#read(signal);
    const { clock } = this.#parts;
    const isOurs = lease?.spec?.holderIdentity === this.#identity;
    if (lease !== undefined) this.#see(lease);
    // Who held a Lease that was deleted leads until its next renewal, or until its time is up.
    const isExpired = clock.monotonic() >= (this.#sighting?.expiresAtMs ?? 0);
    const isToBeMadeAgain = lease === undefined && this.isLeader();
    if (lease !== undefined && isOurs && this.isLeader()) {
      await this.#renew(lease, signal);
    } else if (isOurs || isExpired || isToBeMadeAgain) {
      await this.#acquire(lease ?? this.#toNewLease(), signal);
    } else {
      this.#lose();
    }
  }

  /** Notes until when somebody else holds the Lease, and the time that its numbers have reached. */
  #see(lease: Lease): void {
    this.#sighting = toSighting(lease, this.#sighting, this.#parts.clock.monotonic());
    if (lease.spec?.holderIdentity === this.#identity) return;
    this.#sequence.skipTo(toNumberedUntilMs(lease) ?? 0);
  }

  async #renew(lease: Lease, signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#parts;
    const startedAtMs = clock.monotonic();
    const renewed = await this.#write(toRenewed(lease, this.#sequence.reachedMs()), signal);
    if (renewed === undefined) return false;
    this.#lease = renewed;
    // An answer after our own deadline comes too late: that term is over.
    if (this.isLeader()) this.#lead(startedAtMs);
    return true;
  }

  async #acquire(lease: Lease, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#parts;
    this.#lose();
    const startedAtMs = clock.monotonic();
    const wanted = toAcquired(lease, this.#identity, this.#sequence.reachedMs());
    const acquired = await this.#write(wanted, signal);
    if (acquired === undefined) {
      // Who came first may lose its Lease before our next look.
      const winner = await this.#read(signal);
      if (winner !== undefined) this.#see(winner);
      return;
    }
    this.#lease = acquired;
    this.#lead(startedAtMs);
    if (clock.monotonic() >= this.#deadlineMs) return;
    logger.info({ lease: this.#name }, 'leading');
    this.#isAnnounced = true;
    this.#announce(true);
  }

  #lead(startedAtMs: number): void {
    const { clock } = this.#parts;
    this.#deadlineMs = startedAtMs + LEASE_SECONDS * 1000 - MARGIN_MS;
    this.#disarm?.();
    this.#disarm = clock.schedule(this.#deadlineMs - clock.monotonic(), () => this.#expire());
  }

  #expire(): void {
    const leftMs = this.#deadlineMs - this.#parts.clock.monotonic();
    // Timers may fire a moment early, and nothing else would check this again.
    if (leftMs <= 0) this.#lose();
    else this.#disarm = this.#parts.clock.schedule(leftMs, () => this.#expire());
  }

  #lose(): void {
    this.#disarm?.();
    this.#deadlineMs = Number.NEGATIVE_INFINITY;
    if (!this.#isAnnounced) return;
    this.#isAnnounced = false;
    this.#parts.logger.info({ lease: this.#name }, 'no longer leading');
    this.#announce(false);
  }

  async #release(): Promise<void> {
    const signal = AbortSignal.timeout(RELEASE_TIMEOUT_MS);
    try {
      // Our last renewal may have been written without its answer having arrived.
      let lease = this.#lease;
      for (let round = 0; round < 2 && lease !== undefined; round += 1) {
        if (lease.spec?.holderIdentity !== this.#identity) return;
        if (await this.#write(toReleased(lease, this.#sequence.reachedMs()), signal)) return;
        lease = await this.#read(signal);
      }
    } catch (error) {
      this.#warn(error, 'lease could not be released and will expire');
    }
  }

  async #read(signal: AbortSignal): Promise<Lease | undefined> {
    const path = `${this.#collection}/${this.#name}`;
    return this.#call({ method: 'GET', path, signal }, 404);
  }

  /** Undefined when somebody else wrote first. */
  async #write(lease: Lease, signal: AbortSignal): Promise<Lease | undefined> {
    const isNew = lease.metadata.resourceVersion === undefined;
    const path = isNew ? this.#collection : `${this.#collection}/${this.#name}`;
    return this.#call({ method: isNew ? 'POST' : 'PUT', path, body: lease, signal }, 409);
  }

  async #call(request: Parameters<ApiClient['call']>[0], expected: number) {
    try {
      return await this.#parts.client.call<Lease>({
        ...request,
        timeoutMs: CALL_TIMEOUT_MS,
        isRetriedBySender: true,
      });
    } catch (error) {
      if (error instanceof ApiError && error.status === expected) return undefined;
      throw error;
    }
  }

  #toNewLease(): Lease {
    const labels = { [BACKEND_LABEL]: this.#parts.backend };
    const metadata = { name: this.#name, labels };
    return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata };
  }

  /** Until the next renewal, or until the holder's time is up, whichever comes first. */
  #pause(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    const expiresInMs = (this.#sighting?.expiresAtMs ?? 0) - clock.monotonic();
    const isWaiting = !this.isLeader() && expiresInMs > 0;
    const delayMs = isWaiting ? Math.min(RENEW_MS, expiresInMs) : RENEW_MS;
    return pause(clock, delayMs, signal);
  }

  #announce(isLeader: boolean): void {
    this.#changes.emit(isLeader, (error) => {
      this.#warn(error, 'leadership listener failed');
    });
  }

  #warn(error: unknown, message: string): void {
    const saying = error instanceof ApiError ? error.serverMessage : undefined;
    this.#parts.logger.warn({ lease: this.#name, err: error, server_message: saying }, message);
  }
}
