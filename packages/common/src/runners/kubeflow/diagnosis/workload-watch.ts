import type { Logger } from 'pino';
import type { Random } from '../../../backoff.ts';
import type { Clock } from '../../../clock.ts';
import { Emitter } from '../../../emitter.ts';
import type { Reason } from '../../../jobs/reasons.ts';
import { type ApiClient, ApiError } from '../../../kubernetes/api-client.ts';
import { Informer } from '../../../kubernetes/informer.ts';
import type { CacheChange } from '../../../kubernetes/object-store.ts';
import { explainWorkload, type WorkloadFinding, type WorkloadObject } from './workload-finding.ts';

export interface WorkloadWatchParts {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly namespace: string;
  /** The names of the TrainJobs that wait in a queue now. */
  readonly listWaiting: () => Iterable<string>;
}

/** What is kept of a Workload. */
interface WorkloadNote {
  /** The name and the uid of its TrainJob. */
  readonly job: string;
  readonly uid: string;
  readonly finding: WorkloadFinding;
}

/** How often it is looked at whether anybody waits, and whether the watch still holds. */
const PERIOD_MS = 60_000;
const MAX_BEHIND_MS = 30_000;
const RETRY_MS = 15_000;
/** Without the right to it, or a Kueue that serves it, there will hardly be an answer soon. */
const REFUSED_PERIOD_MS = 5 * 60_000;

/**
 * Follows the Workloads of the jobs' namespace, and keeps why Kueue does not admit a TrainJob; while
 * jobs wait in a queue, by each replica for itself, and only where Kueue is there and lets it.
 */
export class WorkloadWatch {
  readonly #parts: WorkloadWatchParts;
  readonly #path: string;
  readonly #workloads: Informer<WorkloadObject, WorkloadNote>;
  /** By the uid of the TrainJob. */
  readonly #notes = new Map<string, WorkloadNote>();
  readonly #changes = new Emitter<string>();
  #state: 'idle' | 'asking' | 'refused' | 'watching' = 'idle';
  #cancelLook: (() => void) | undefined;
  #isClosed = false;

  constructor(parts: WorkloadWatchParts) {
    this.#parts = parts;
    const { client, clock, random, logger, namespace } = parts;
    this.#path = `/apis/kueue.x-k8s.io/v1beta2/namespaces/${namespace}/workloads`;
    this.#workloads = new Informer<WorkloadObject, WorkloadNote>({
      ...{ client, clock, random, logger, path: this.#path, isServedElsewhere: true },
      keep: toNote,
    });
    this.#workloads.watch((change) => this.#noteChange(change));
  }

  /** Why the TrainJob with this uid is not admitted, or that it is; undefined where Kueue does not say. */
  get(uid: string): WorkloadFinding | undefined {
    return this.#notes.get(uid)?.finding;
  }

  /** Whether every Workload was seen once, or none may be. */
  get isComplete(): boolean {
    if (this.#state === 'refused') return true;
    return this.#state === 'watching' && Number.isFinite(this.#workloads.behindForMs());
  }

  /** Says that a TrainJob waits in a queue. */
  note(): void {
    if (this.#state === 'idle' && !this.#isClosed) void this.#ask();
  }

  /** Calls `listener` with the name of a TrainJob whose reason to wait changes. */
  watch(listener: (name: string) => void): () => void {
    return this.#changes.watch(listener);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelLook?.();
    this.#changes.clear();
    await this.#workloads.close();
  }

  /** Never fails. A watch would go on trying, and tell of it in the log. */
  async #ask(): Promise<void> {
    this.#state = 'asking';
    const { client, logger } = this.#parts;
    try {
      const query = { limit: 1 };
      await client.call({ method: 'GET', path: this.#path, query, isServedElsewhere: true });
    } catch (error) {
      logger.debug({ err: error }, 'Workloads of Kueue could not be listed');
      const isRefusal = error instanceof ApiError && (error.status === 403 || error.status === 404);
      if (isRefusal) this.#state = 'refused';
      this.#lookIn(isRefusal ? REFUSED_PERIOD_MS : RETRY_MS);
      if (isRefusal) this.#tellAll();
      return;
    }
    if (this.#isClosed) return;
    this.#state = 'watching';
    await this.#workloads.open();
    this.#tellAll();
    this.#lookIn(PERIOD_MS);
  }

  #lookIn(delayMs: number): void {
    if (this.#isClosed) return;
    this.#cancelLook = this.#parts.clock.schedule(delayMs, () => void this.#look());
  }

  async #look(): Promise<void> {
    const [waiting] = this.#parts.listWaiting();
    const isWanted = waiting !== undefined;
    if (isWanted && this.#state === 'watching') {
      if (this.#workloads.behindForMs() <= MAX_BEHIND_MS) return this.#lookIn(PERIOD_MS);
    }
    const closed = this.#workloads.close();
    this.#notes.clear();
    // Before the wait for the close, in which a job may begin to wait.
    this.#state = 'idle';
    if (isWanted) this.note();
    await closed;
  }

  #noteChange({ value, previous }: CacheChange<WorkloadNote>): void {
    if (previous !== undefined && this.#notes.get(previous.uid) === previous) {
      this.#notes.delete(previous.uid);
    }
    if (value !== undefined) this.#notes.set(value.uid, value);
    if (toReason(value) === toReason(previous)) return;
    const job = (value ?? previous)?.job;
    if (job !== undefined) this.#changes.emit(job);
  }

  #tellAll(): void {
    for (const name of this.#parts.listWaiting()) this.#changes.emit(name);
  }
}

/** Undefined also for one that is admitted: its TrainJob is about to change itself. */
function toReason(note: WorkloadNote | undefined): Reason | undefined {
  return note === undefined || note.finding === 'admitted' ? undefined : note.finding.reason;
}

function toNote(workload: WorkloadObject): WorkloadNote | undefined {
  const owner = workload.metadata.ownerReferences?.find(({ kind }) => kind === 'TrainJob');
  const finding = explainWorkload(workload);
  if (owner === undefined || finding === undefined) return undefined;
  return { job: owner.name, uid: owner.uid, finding };
}
