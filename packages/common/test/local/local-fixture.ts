import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findMarkedProcesses } from '../../src/runners/local/process-facts.mjs';

/** A machine of a test: folders of its own, and a program that stands in for the trainer. */
export class LocalFixture implements AsyncDisposable {
  readonly folder: string;
  /** The one folder that jobs may use. */
  readonly root: string;
  readonly stateDir: string;
  readonly python: string;

  private constructor(folder: string) {
    this.folder = folder;
    this.root = join(folder, 'training');
    this.stateDir = join(folder, 'state');
    this.python = join(folder, 'python');
  }

  static async create(): Promise<LocalFixture> {
    const fixture = new LocalFixture(await mkdtemp(join(tmpdir(), 'local-')));
    await mkdir(fixture.root);
    const trainer = fileURLToPath(new URL('./stand-in-trainer.mjs', import.meta.url));
    await writeFile(fixture.python, `#!/bin/sh\nexec '${process.execPath}' '${trainer}' "$@"\n`);
    await chmod(fixture.python, 0o755);
    return fixture;
  }

  /** The settings of a service on this machine. */
  get env(): Record<string, string> {
    return {
      TRAINER_JOB_RUNNER: 'local',
      TRAINER_LOCAL_DEVICE: 'cpu',
      TRAINER_LOCAL_CORES: '16',
      TRAINER_LOCAL_STATE_DIR: this.stateDir,
      TRAINER_LOCAL_ROOTS: this.root,
      TRAINER_LOCAL_PYTHON: this.python,
      TRAINER_GRACE_SECONDS: '5',
    };
  }

  /** The run of a job that has begun, by its `backend_job_id`. */
  findRun(name: string): string {
    const runs = join(this.stateDir, 'runs');
    const runId = readdirSync(runs).find((id) => this.readRunFile(id, 'order.json')?.name === name);
    if (runId === undefined) throw new Error(`${name} has no folder`);
    return runId;
  }

  /** The run of a job that waits, and so has no folder yet. */
  findQueuedRun(name: string): string {
    const database = new DatabaseSync(join(this.stateDir, 'records.sqlite'), { readOnly: true });
    try {
      const row = database.prepare('SELECT run_id FROM runs WHERE name = ?').get(name);
      return String(row?.run_id);
    } finally {
      database.close();
    }
  }

  /** A file of a run as JSON; undefined where it is not. */
  // biome-ignore lint/suspicious/noExplicitAny: what it holds is what tests are about.
  readRunFile(runId: string, name: string): any {
    try {
      return JSON.parse(readFileSync(join(this.runFolder(runId), name), 'utf8'));
    } catch {
      return undefined;
    }
  }

  /** A body whose locations lie in the root, for a trainer that does what `standIn` says. */
  makeBody(jobId: string, standIn: Record<string, unknown> = {}, more = {}) {
    return {
      job_id: jobId,
      base_model: { provider: 'meta', model_name: 'meta-llama/Llama-2-7b' },
      datasets: [{ source: join(this.root, 'rows.jsonl'), format: 'jsonl' }],
      artifacts: { log_uri: `file://${this.root}/logs`, output_uri: join(this.root, 'results') },
      extra_parameters: { stand_in: standIn },
      ...more,
    };
  }

  /** Resolves when no process of a run lives any more, which nothing tells of. */
  async untilDead(runId: string): Promise<void> {
    while (this.isAlive(runId)) await setTimeout(10);
  }

  runFolder(runId: string): string {
    return join(this.stateDir, 'runs', runId);
  }

  /** Lets a trainer go on that waits. */
  release(runId: string): void {
    writeFileSync(join(this.runFolder(runId), 'work', 'release'), '');
  }

  /** Whether any process of the run lives, its shim included. */
  isAlive(runId: string): boolean {
    return findMarkedProcesses(runId).length > 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A shim on its way out may still write.
    await rm(this.folder, { recursive: true, force: true, maxRetries: 10 });
  }
}
