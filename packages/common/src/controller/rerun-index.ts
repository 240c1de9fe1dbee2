import type { JobRecord } from '../jobs/job.ts';
import type { JobStore } from '../jobs/job-store.ts';

type IndexedStore = Pick<JobStore, 'watch' | 'getCached' | 'list' | 'notReadyReason'>;
type RerunRecord = Pick<JobRecord, 'id' | 'createdAtMs'>;

/** Nobody reads more of them at once; a list with `rerun_of=` has all. */
const MAX_TOLD = 100;

/** Which jobs are reruns of which, as records say: they name the job before them alone. */
export class RerunIndex {
  readonly #store: IndexedStore;
  /** The records' own names with what they are, by the id of the job before them. */
  readonly #reruns = new Map<string, Map<string, RerunRecord>>();
  /** That id, by the name of the record. */
  readonly #parents = new Map<string, string>();
  readonly #unwatch: () => void;
  #isComplete = false;

  constructor(store: IndexedStore) {
    this.#store = store;
    this.#unwatch = store.watch((name) => this.#note(name, store.getCached(name)));
  }

  /** The ids of the newest reruns of a job, oldest first. One of an earlier job of that id is none. */
  rerunsOf({ id, createdAtMs }: RerunRecord): string[] {
    if (!this.#isComplete) this.#complete();
    const reruns = this.#reruns.get(id);
    if (reruns === undefined) return [];
    return [...reruns.values()]
      .filter((rerun) => rerun.createdAtMs >= createdAtMs)
      .sort((one, other) => one.createdAtMs - other.createdAtMs)
      .slice(-MAX_TOLD)
      .map((rerun) => rerun.id);
  }

  close(): void {
    this.#unwatch();
  }

  /** Changes tell of what comes; what was there before is looked at when somebody asks first. */
  #complete(): void {
    if (this.#store.notReadyReason() !== undefined) return;
    for (const record of this.#store.list()) this.#note(record.name, record);
    this.#isComplete = true;
  }

  #note(name: string, record: JobRecord | undefined): void {
    const known = this.#parents.get(name);
    const parent = record?.rerunOf?.jobId;
    if (known !== undefined && known !== parent) this.#remove(name, known);
    if (record === undefined || parent === undefined) return;
    const { id, createdAtMs } = record;
    const reruns = this.#reruns.get(parent) ?? new Map<string, RerunRecord>();
    reruns.set(name, { id, createdAtMs });
    this.#reruns.set(parent, reruns);
    this.#parents.set(name, parent);
  }

  #remove(name: string, parent: string): void {
    const reruns = this.#reruns.get(parent);
    reruns?.delete(name);
    if (reruns?.size === 0) this.#reruns.delete(parent);
    this.#parents.delete(name);
  }
}
