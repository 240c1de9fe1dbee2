import { Emitter } from '../src/emitter.ts';
import type { JobRecord, JsonObject } from '../src/jobs/job.ts';
import type { JobRunner, PreparedJob, ReadSecrets, StartOutcome } from '../src/jobs/job-runner.ts';
import type { JobSpec } from '../src/jobs/job-spec.ts';
import type { Observation } from '../src/jobs/observation.ts';

type Seen = Extract<Observation, { exists: true }>;

/** A place to run jobs in which a test decides what happens. */
export class FakeRunner implements JobRunner {
  /** What was called, in order: `start name`, `stop name`. */
  readonly calls: string[] = [];
  /** Thrown by every call that would leave the process, while it is set. */
  failure: Error | undefined;
  startOutcome: StartOutcome | undefined;
  /** What `getCached` says although the place itself says otherwise, as a cache that lags behind. */
  readonly stale = new Map<string, Observation | undefined>();
  readonly #runs = new Map<string, Seen>();
  readonly #changes = new Emitter<string>();

  /** Makes a run, or changes it. */
  show(record: Pick<JobRecord, 'name' | 'uid'>, change: Partial<Seen> = {}): void {
    const run: Seen = {
      exists: true,
      runId: `run-of-${record.uid}`,
      recordUid: record.uid,
      isStopping: false,
      status: 'submitted',
      reason: 'ACCEPTED',
      detail: 'Job accepted for processing',
      startedAtMs: undefined,
      endedAtMs: undefined,
      progress: undefined,
    };
    this.#runs.set(record.name, { ...run, ...this.#runs.get(record.name), ...change });
    this.announce(record.name);
  }

  remove(name: string): void {
    this.#runs.delete(name);
    this.announce(name);
  }

  announce(name: string): void {
    this.#changes.emit(name);
  }

  async open(): Promise<void> {}
  async close(): Promise<void> {}

  notReadyReason(): string | undefined {
    return undefined;
  }

  behindForMs(): number {
    return 0;
  }

  /** Its plan is the spec itself. */
  async prepare(spec: JobSpec): Promise<PreparedJob> {
    const plan = JSON.parse(JSON.stringify(spec)) as JsonObject;
    return { plan, secrets: {}, warnings: [], echo: { backend: spec.backend } };
  }

  async start(
    record: JobRecord,
    _plan: JsonObject,
    _readSecrets?: ReadSecrets,
  ): Promise<StartOutcome> {
    this.calls.push(`start ${record.name}`);
    if (this.failure !== undefined) throw this.failure;
    if (this.startOutcome !== undefined) return this.startOutcome;
    this.show(record);
    return { outcome: 'started', runId: this.#runs.get(record.name)?.runId ?? '' };
  }

  async stop({ name, uid }: JobRecord): Promise<void> {
    this.calls.push(`stop ${name}`);
    if (this.failure !== undefined) throw this.failure;
    if (this.#runs.get(name)?.recordUid === uid) this.remove(name);
  }

  getCached(name: string): Observation | undefined {
    if (this.stale.has(name)) return this.stale.get(name);
    return this.#runs.get(name) ?? { exists: false };
  }

  async observe(name: string): Promise<Observation> {
    if (this.failure !== undefined) throw this.failure;
    return this.#runs.get(name) ?? { exists: false };
  }

  watch(listener: (name: string) => void): () => void {
    return this.#changes.watch(listener);
  }
}
