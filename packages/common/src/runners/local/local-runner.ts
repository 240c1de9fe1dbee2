import type { Logger } from 'pino';
import type { Clock } from '../../clock.ts';
import { Emitter } from '../../emitter.ts';
import type { JobRecord, JsonObject } from '../../jobs/job.ts';
import type { Secrets } from '../../jobs/job-environment.ts';
import type { JobRunner, PreparedJob, ReadSecrets, StartOutcome } from '../../jobs/job-runner.ts';
import type { JobSpec } from '../../jobs/job-spec.ts';
import type { LogItem, LogQuery } from '../../jobs/log-line.ts';
import type { Observation } from '../../jobs/observation.ts';
import { toLogged } from '../../jobs/operator-lines.ts';
import type { Database } from '../../stores/sqlite/database.ts';
import { type LocalPlan, planLocally } from './local-plan.ts';
import { type LocalRun, observeRun, toLocalRun } from './local-run.ts';
import type { BackendOwner } from './owner.ts';
import { findMarkedProcesses, isSameProcess } from './process-facts.mjs';
import { RunLogReader } from './run-log-reader.ts';
import type { RunRow } from './run-row.ts';
import { RunSupervisor, type RunSupervisorParts } from './run-supervisor.ts';
import { RunTable } from './run-table.ts';
import { chooseRuns } from './slot-pool.ts';

export interface LocalRunnerParts extends Pick<RunSupervisorParts, 'pool' | 'limits' | 'settings'> {
  readonly backend: string;
  readonly database: Database;
  /** Opened before the runner. */
  readonly owner: BackendOwner;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The operator's own image, which no request has to do with. */
  readonly defaultImage: string | undefined;
  /** Reads the secrets of a job that an earlier process has put into the line. */
  readonly readSecrets: (name: string, recordUid: string) => Promise<Secrets | undefined>;
  /** For the log: a run knows only the name. */
  readonly findJobId: (name: string) => string | undefined;
}

const POLL_MS = 250;
/** Runs that have ended only wait for their expiry. */
const IDLE_POLL_MS = 2000;

/**
 * Jobs as processes of this machine. Each run is a folder with a shim of its own that outlives this
 * process; which runs wait and which hold GPUs is in the database that all services share.
 */
export class LocalRunner implements JobRunner {
  readonly #parts: LocalRunnerParts;
  readonly #table: RunTable;
  readonly #supervisor: RunSupervisor;
  readonly #runs = new Map<string, LocalRun>();
  readonly #readers = new Map<string, ReadSecrets>();
  readonly #changes = new Emitter<string>();
  #isOpen = false;
  #cancelPoll: (() => void) | undefined;
  #polling: Promise<void> | undefined;

  constructor(parts: LocalRunnerParts) {
    this.#parts = parts;
    this.#table = new RunTable(parts.database);
    this.#supervisor = new RunSupervisor({
      ...parts,
      table: this.#table,
      readSecrets: (row) => this.#readSecrets(row),
      onShimEnd: () => this.#pollIn(0),
    });
  }

  /** Takes over what an earlier process has left, running or waiting. */
  async open(): Promise<void> {
    if (this.#isOpen) return;
    this.#supervisor.removeOrphans();
    for (const row of this.#table.listOf(this.#parts.backend)) {
      const run = toLocalRun(row);
      this.#runs.set(row.name, run);
      await this.#supervisor.adopt(run);
      await this.#look(run);
    }
    this.#lineUp();
    this.#isOpen = true;
    this.#pollIn(0);
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    this.#cancelPoll?.();
    this.#changes.clear();
    await this.#polling;
  }

  notReadyReason(): string | undefined {
    return this.#isOpen ? undefined : 'The runs of this machine have not been looked at yet.';
  }

  behindForMs(): number {
    return this.#isOpen ? 0 : Number.POSITIVE_INFINITY;
  }

  async prepare(spec: JobSpec): Promise<PreparedJob> {
    const { pool, defaultImage } = this.#parts;
    const prepared = planLocally(spec, pool, defaultImage);
    return { ...prepared, plan: prepared.plan as unknown as JsonObject };
  }

  async start(
    { name, uid: recordUid }: JobRecord,
    plan: JsonObject,
    readSecrets: ReadSecrets,
  ): Promise<StartOutcome> {
    const { backend } = this.#parts;
    const local = plan as unknown as LocalPlan;
    const refusal = this.#supervisor.refuse(local, (await readSecrets()) ?? {});
    if (refusal !== undefined) return { outcome: 'refused', detail: refusal };
    const row = await this.#table.enqueue({ name, backend, recordUid }, local);
    if (row.recordUid !== recordUid) {
      return { outcome: 'later', detail: 'An earlier run of that name is still there' };
    }
    if (!this.#runs.has(name)) {
      this.#readers.set(name, readSecrets);
      this.#runs.set(name, toLocalRun(row));
      this.#pollIn(0);
      // Before anybody looks at it, so that only one that waits is said to wait.
      this.#lineUp();
      this.#announce(name);
    }
    return { outcome: 'started', runId: row.runId };
  }

  async stop({ name, uid }: JobRecord): Promise<void> {
    const run = this.#runs.get(name);
    if (run?.row.recordUid !== uid) return;
    await takeTurn(run, async () => {
      if (this.#runs.get(name) !== run) return;
      const { row } = run;
      if (row.state === 'queued') {
        await this.#table.remove(row);
        this.#forget(run);
        return;
      }
      // Once this is kept, the run is stopped whatever becomes of this process.
      if (row.state !== 'stopping') run.row = await this.#table.move(row, 'stopping');
      this.#announce(name);
    });
    await this.#look(run);
  }

  getCached(name: string): Observation {
    const run = this.#runs.get(name);
    return run === undefined ? { exists: false } : observeRun(run, this.#parts.pool);
  }

  async observe(name: string): Promise<Observation> {
    const run = this.#runs.get(name);
    if (run !== undefined) await this.#look(run);
    return this.getCached(name);
  }

  /** A run of this machine is one node, and never starts again. */
  async readLogs(
    { name, uid }: JobRecord,
    query: LogQuery,
    signal: AbortSignal,
  ): Promise<AsyncIterable<LogItem>> {
    const find = () => {
      const run = this.#runs.get(name);
      return run?.row.recordUid === uid ? run : undefined;
    };
    const reader = new RunLogReader(
      {
        ...{ signal, clock: this.#parts.clock },
        isWanted: !query.previous && (query.node ?? 0) === 0 && (query.attempt ?? 1) === 1,
        folder: () => {
          const run = find();
          const folder = run && this.#supervisor.folderOf(run.row);
          return folder?.exists() ? folder.path : undefined;
        },
        hasEnded: () => (find()?.row.state ?? 'ended') === 'ended',
      },
      query,
    );
    return reader.read();
  }

  watch(listener: (name: string) => void): () => void {
    return this.#changes.watch(listener);
  }

  #readSecrets(row: RunRow): Promise<Secrets | undefined> {
    const read = this.#readers.get(row.name);
    return read === undefined ? this.#parts.readSecrets(row.name, row.recordUid) : read();
  }

  #pollIn(delayMs: number): void {
    if (!this.#isOpen) return;
    this.#cancelPoll?.();
    this.#cancelPoll = this.#parts.clock.schedule(delayMs, () => {
      this.#polling = (this.#polling ?? Promise.resolve()).then(() => this.#poll());
    });
  }

  async #poll(): Promise<void> {
    if (!this.#isOpen) return;
    for (const run of [...this.#runs.values()]) await this.#look(run);
    try {
      await this.#fillSlots();
    } catch (error) {
      this.#parts.logger.warn({ err: error }, 'queue of runs could not be read, retrying');
    }
    const states = [...this.#runs.values()].map(({ row }) => row.state);
    if (states.length === 0) return;
    this.#pollIn(states.every((state) => state === 'ended') ? IDLE_POLL_MS : POLL_MS);
  }

  /** Supervises one run and announces when it looks different; a failure is retried at the next poll. */
  async #look(run: LocalRun): Promise<void> {
    const { name } = run.row;
    await takeTurn(run, async () => {
      if (this.#runs.get(name) !== run) return;
      const before = this.#toSight(run);
      try {
        const isThere = await this.#supervisor.lookAfter(run);
        run.failure = undefined;
        if (!isThere) return this.#forget(run);
      } catch (error) {
        const { message } = error as Error;
        if (message !== run.failure) {
          const { logger, findJobId } = this.#parts;
          const job = toLogged({ id: findJobId(name), name });
          logger.warn({ ...job, err: error }, 'run could not be supervised, retrying');
        }
        run.failure = message;
      }
      if (this.#toSight(run) !== before) this.#announce(name);
    });
  }

  /** Gives free slots to those whose turn it is. */
  async #fillSlots(): Promise<void> {
    const waiting = [...this.#runs.values()].filter(({ row }) => row.state === 'queued');
    if (waiting.length === 0 || !this.#lineUp()) return;
    const claimed = await this.#table.claim((rows) => this.#choose(rows));
    for (const row of claimed) {
      const run = this.#runs.get(row.name);
      if (run === undefined) continue;
      await takeTurn(run, async () => {
        run.row = row;
      });
      this.#announce(row.name);
      await this.#look(run);
    }
  }

  /** Tells each run that waits its place in the line; whether it is the turn of any. */
  #lineUp(): boolean {
    const rows = this.#table.listUnended();
    const next = new Set(this.#choose(rows).map(({ row }) => row.name));
    const line = rows.filter(({ state, name }) => state === 'queued' && !next.has(name));
    for (const [index, { name }] of line.entries()) {
      const run = this.#runs.get(name);
      if (run === undefined) continue;
      const isNew = run.place === undefined;
      run.place = index + 1;
      if (isNew) this.#announce(name);
    }
    return next.size > 0;
  }

  #choose(rows: readonly RunRow[]) {
    const { backend, owner, pool } = this.#parts;
    const served = owner.listServed();
    return chooseRuns(
      rows,
      backend,
      pool,
      (name) => served.has(name),
      (row) => this.#isOver(row),
    );
  }

  /** Whether a run of a service that is away has come to its end, or never began. */
  #isOver(row: RunRow): boolean {
    const folder = this.#supervisor.folderOf(row);
    const facts = folder.readFacts();
    if (facts === undefined || folder.readExit() !== undefined) return true;
    return !isSameProcess(facts.process) && findMarkedProcesses(row.runId).length === 0;
  }

  /** The parts of a run whose change is announced to listeners. */
  #toSight(run: LocalRun): string {
    const { row, startedAtMs, end } = run;
    return [row.state === 'stopping', startedAtMs, end?.status].join();
  }

  #forget({ row }: LocalRun): void {
    this.#runs.delete(row.name);
    this.#readers.delete(row.name);
    this.#announce(row.name);
    this.#pollIn(0);
  }

  #announce(name: string): void {
    this.#changes.emit(name);
  }
}

/** Does what changes a run after all that was asked for before. */
function takeTurn(run: LocalRun, work: () => Promise<void>): Promise<void> {
  const turn = run.turn.then(work);
  run.turn = turn.catch(() => {});
  return turn;
}
