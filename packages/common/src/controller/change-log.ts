import { randomUUID } from 'node:crypto';
import { Emitter } from '../emitter.ts';
import { toRevision } from '../jobs/history.ts';
import type { JobRecord } from '../jobs/job.ts';
import type { JobStore } from '../jobs/job-store.ts';
import type { JobStatus } from '../requests/job-status.ts';

/** That a job has new events, those after `from` up to `to`, or that its record is gone. */
export interface Change {
  /** Its number. */
  readonly index: number;
  /** Where it stands among all changes. */
  readonly position: bigint;
  /** The newest position up to here. */
  readonly highest: bigint;
  readonly name: string;
  readonly uid: string;
  readonly jobId: string;
  /** Before and after it. */
  readonly statuses: readonly JobStatus[];
  readonly isGone: boolean;
  readonly from: number;
  readonly to: number;
}

type ChangeSource = Pick<JobStore, 'watch' | 'getCached' | 'list' | 'seenUpTo'>;

/** Some minutes of a busy service; a change takes some two hundred bytes. */
const MAX_CHANGES = 10_000;
/** The versions of a cluster's records, which mean the same to every replica. */
const SHARED = 'cluster';

/**
 * The latest changes of all records, so that who followed them before goes on where that was, on any
 * replica. Numbers of changes (`index`) are this process's own, cursors are everybody's.
 */
export class ChangeLog {
  readonly #store: ChangeSource;
  readonly #maxChanges: number;
  readonly #epoch: string;
  readonly #known = new Map<string, JobRecord>();
  readonly #emitter = new Emitter<void>();
  readonly #unwatch: () => void;
  #changes: Change[] = [];
  /** The number of the first one that is kept. */
  #first = 0;
  /** The newest position of those that are not kept any more. */
  #dropped = 0n;
  /** The place of the newest of them that shares it: who was told up to there may not know of it. */
  #droppedShared = -1n;
  #count = 0n;
  /** What went before then left no trace here. */
  #openedAt = 0n;

  constructor(store: ChangeSource, maxChanges = MAX_CHANGES) {
    this.#store = store;
    this.#maxChanges = maxChanges;
    this.#epoch = store.seenUpTo === undefined ? randomUUID().slice(0, 8) : SHARED;
    this.#unwatch = store.watch((name) => this.#note(name));
  }

  /** Takes what is there already for known; once the store is open. */
  open(): void {
    for (const record of this.#store.list()) this.#known.set(record.name, record);
    if (this.#epoch === SHARED) this.#openedAt = this.#seenUpTo();
  }

  /** The number that the next change will have. */
  get next(): number {
    return this.#first + this.#changes.length;
  }

  /** The change of that number; undefined where there is none yet, and `lost` where it is not kept. */
  at(index: number): Change | 'lost' | undefined {
    return index < this.#first ? 'lost' : this.#changes[index - this.#first];
  }

  /** Calls `listener` after each change; returns how to stop that. */
  watch(listener: () => void): () => void {
    return this.#emitter.watch(listener);
  }

  /**
   * From where who was told all changes before that number goes on; undefined where the next one is
   * not kept: any place that is known lies behind changes that were never told.
   */
  cursorAt(index: number): string | undefined {
    if (this.at(index) === 'lost') return undefined;
    const told = this.#changes[index - this.#first - 1]?.highest ?? this.#dropped;
    // An answer to a write of ours may be here before older changes of others.
    const ahead = this.#changes
      .slice(index - this.#first)
      .map((change) => (this.#sharesPlace(change) ? change.position : change.position - 1n));
    let position = told;
    for (const limit of [this.#seenUpTo(), ...ahead]) if (limit < position) position = limit;
    return Buffer.from(`${this.#epoch} ${position}`).toString('base64url');
  }

  /** The changes after a cursor, up to now; undefined where they are not known. */
  after(cursor: string): readonly Change[] | undefined {
    const text = Buffer.from(cursor, 'base64url').toString();
    const [, epoch, digits = ''] = /^(\w{7,8}) (\d{1,30})$/.exec(text) ?? [];
    if (epoch !== this.#epoch) return undefined;
    const position = BigInt(digits);
    const isDropped = position < this.#dropped || position <= this.#droppedShared;
    if (isDropped || position < this.#openedAt || position > this.#seenUpTo()) return undefined;
    return this.#changes.filter(
      (change) =>
        change.position > position || (change.position === position && this.#sharesPlace(change)),
    );
  }

  close(): void {
    this.#unwatch();
    this.#emitter.clear();
  }

  /** A record that went has the place of the change before it, and is told rather twice than never. */
  #sharesPlace({ isGone }: Change): boolean {
    return isGone && this.#epoch === SHARED;
  }

  #seenUpTo(): bigint {
    return BigInt(this.#store.seenUpTo?.() ?? this.#count);
  }

  #note(name: string): void {
    const known = this.#known.get(name);
    const now = this.#store.getCached(name);
    if (now === undefined) this.#known.delete(name);
    else this.#known.set(name, now);
    if (known !== undefined && known.uid !== now?.uid) {
      const to = toRevision(known.history);
      this.#append(known, { statuses: [known.state.status], isGone: true, from: to, to });
    }
    if (now === undefined) return;
    const before = known?.uid === now.uid ? known : undefined;
    const [from, to] = [toRevision(before?.history), toRevision(now.history)];
    if (to <= from) return;
    const statuses = [(before ?? now).state.status, now.state.status];
    this.#append(now, { statuses, isGone: false, from, to });
  }

  #append(
    { name, uid, id: jobId, version }: JobRecord,
    what: Pick<Change, 'statuses' | 'isGone' | 'from' | 'to'>,
  ): void {
    this.#count += 1n;
    const last = this.#changes.at(-1)?.highest ?? this.#dropped;
    // Nobody has seen the version with which a record went.
    const shared = what.isGone ? last : BigInt(version);
    const position = this.#epoch === SHARED ? shared : this.#count;
    const highest = position > last ? position : last;
    const { statuses, isGone, from, to } = what;
    const index = this.next;
    this.#changes.push({ index, position, highest, name, uid, jobId, statuses, isGone, from, to });
    if (this.#changes.length >= 2 * this.#maxChanges) this.#drop();
    this.#emitter.emit();
  }

  #drop(): void {
    const dropped = this.#changes.slice(0, -this.#maxChanges);
    this.#dropped = dropped.at(-1)?.highest ?? this.#dropped;
    const shared = dropped.findLast((change) => this.#sharesPlace(change));
    this.#droppedShared = shared?.position ?? this.#droppedShared;
    this.#changes = this.#changes.slice(-this.#maxChanges);
    this.#first += dropped.length;
  }
}
