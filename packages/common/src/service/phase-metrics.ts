import { Counter, type Registry } from 'prom-client';
import { isTerminal, type JobRecord } from '../jobs/job.ts';
import type { JobStore } from '../jobs/job-store.ts';
import type { Leadership } from '../jobs/leadership.ts';
import { toLastBeginningMs, toPhaseSpans } from '../jobs/phase-history.ts';

export interface PhaseMetricsParts {
  readonly registry: Registry;
  readonly store: JobStore;
  readonly leadership: Pick<Leadership, 'isLeader'>;
}

/** What is known of a job that has not ended. */
interface Known {
  readonly uid: string;
  readonly phases: string | undefined;
  /** When its current phase began: what was before that is counted. */
  readonly sinceMs: number;
}

/**
 * Counts the time that jobs spend in each phase, once that is over. All replicas follow, and the one
 * that leads counts, so that the sum over replicas is the truth, also when another one takes over.
 */
export class PhaseMetrics {
  readonly #parts: PhaseMetricsParts;
  readonly #seconds: Counter;
  readonly #known = new Map<string, Known>();
  #unwatch: (() => void) | undefined;

  constructor(parts: PhaseMetricsParts) {
    this.#parts = parts;
    this.#seconds = new Counter({
      name: 'trainer_job_phase_seconds_total',
      help: 'Time that jobs spent in phases that are over, by whom or what it is owed to',
      labelNames: ['phase', 'owner'],
      registers: [parts.registry],
    });
    // A rate needs a beginning.
    this.#seconds.inc({ phase: 'queued', owner: 'service' }, 0);
    this.#seconds.inc({ phase: 'training', owner: 'training' }, 0);
  }

  /** Follows the jobs from now on; what they did before is not counted. */
  start(): void {
    const { store } = this.#parts;
    this.#unwatch ??= store.watch((name) => this.#look(name, store.getCached(name)));
    for (const record of store.list()) this.#look(record.name, record);
  }

  /** Harmless when repeated. */
  close(): void {
    this.#unwatch?.();
    this.#known.clear();
  }

  #look(name: string, record: JobRecord | undefined): void {
    const known = this.#known.get(name);
    const isEnded = record === undefined || isTerminal(record.state.status);
    const isKnown = known !== undefined && known.uid === record?.uid;
    const isUnchanged = isKnown && !isEnded && known.phases === record.phases;
    if (isUnchanged) return;
    if (isKnown && record !== undefined) this.#count(record, known.sinceMs);
    // Of one that has ended, what comes after is told of no phase.
    if (isEnded) this.#known.delete(name);
    else {
      const sinceMs = toLastBeginningMs(record);
      this.#known.set(name, { uid: record.uid, phases: record.phases, sinceMs });
    }
  }

  #count(record: JobRecord, sinceMs: number): void {
    if (!this.#parts.leadership.isLeader()) return;
    for (const { phase, owner, startedAtMs, endedAtMs } of toPhaseSpans(record)) {
      if (endedAtMs !== undefined && startedAtMs >= sinceMs) {
        this.#seconds.inc({ phase, owner }, (endedAtMs - startedAtMs) / 1000);
      }
    }
  }
}
