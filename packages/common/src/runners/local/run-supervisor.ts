import { readdirSync } from 'node:fs';
import type { Clock } from '../../clock.ts';
import type { Secrets } from '../../jobs/job-environment.ts';
import { launchShim } from './launch.ts';
import type { LocalPlan } from './local-plan.ts';
import type { LocalRun } from './local-run.ts';
import {
  isSameProcess,
  killMarkedProcesses,
  type ProcessFacts,
  readBootId,
  sendSignal,
} from './process-facts.mjs';
import {
  findLocationViolations,
  type LimitedRequest,
  type LocalLimits,
} from './request-violations.ts';
import { toRunEnd } from './run-end.ts';
import { type RunExit, RunFolder } from './run-folder.ts';
import { toRunProgress } from './run-progress.ts';
import type { RunRow } from './run-row.ts';
import type { RunTable } from './run-table.ts';
import type { SlotPool } from './slot-pool.ts';
import { buildTrainerEnvironment, resolveVariables } from './trainer-environment.ts';

export interface RunSupervisorParts {
  readonly table: RunTable;
  readonly pool: SlotPool;
  readonly limits: LocalLimits;
  readonly clock: Clock;
  readonly settings: {
    /** Where the runs' folders are. */
    readonly runsPath: string;
    /** The program that trains; gets `-m trainer_runtime`. */
    readonly python: string;
    readonly graceMs: number;
    readonly allowedHosts: readonly string[];
    /** See TrainerEnvironmentParts. */
    readonly reportsUrlFile: string;
    /** The environment that a training gets its own from. */
    readonly env: Readonly<Record<string, string | undefined>>;
  };
  /** The secrets of a run's job; undefined once the job is gone. */
  readonly readSecrets: (row: RunRow) => Promise<Secrets | undefined>;
  /** Called when a shim has ended that this process started. */
  readonly onShimEnd: () => void;
}

const LAUNCH_AGAIN_MS = 1000;
const LOG_BYTES = 16 * 1024 * 1024;
const TAIL_BYTES = 4096;

/**
 * Looks after single runs: starts their shims, and finds out by their folders and processes how they
 * fare. It trusts a process only while pid, start time and boot id are those that its folder names.
 */
export class RunSupervisor {
  readonly #parts: RunSupervisorParts;

  constructor(parts: RunSupervisorParts) {
    this.#parts = parts;
  }

  folderOf({ runId }: RunRow): RunFolder {
    return new RunFolder(this.#parts.settings.runsPath, runId);
  }

  /** Ends a run that has a folder and no row, as after a database was restored. */
  removeOrphans(): void {
    const { settings, table } = this.#parts;
    // Folders first: a row is written before its folder and removed after it.
    const folders = readdirSync(settings.runsPath);
    const known = table.listIds();
    for (const runId of folders.filter((name) => !known.has(name))) {
      killMarkedProcesses(runId);
      new RunFolder(settings.runsPath, runId).remove();
    }
  }

  /** Takes a run over from an earlier process; one that was never started waits again. */
  async adopt(run: LocalRun): Promise<void> {
    const folder = this.folderOf(run.row);
    // A shim that is still on its way must not begin in a folder that is about to go.
    if (run.row.state !== 'claimed' || !folder.block()) return;
    folder.remove();
    run.row = await this.#parts.table.move(run.row, 'queued');
  }

  /** Why the plan's locations may not be used as they now are; undefined when they may. */
  refuse(plan: LocalPlan, secrets: Secrets): string | undefined {
    const { TRAINING_REQUEST_JSON: text } = resolveVariables(plan, secrets);
    if (text === undefined) return 'The request of the job is gone.';
    const request = JSON.parse(text) as LimitedRequest;
    const violations = findLocationViolations(request, this.#parts.limits);
    return violations.length === 0 ? undefined : violations.map(({ message }) => message).join(' ');
  }

  /** Brings what is known of a run up to date and does what is due; whether the run is still there. */
  async lookAfter(run: LocalRun): Promise<boolean> {
    if (run.row.state === 'queued') return true;
    const folder = this.folderOf(run.row);
    const exit = folder.readExit();
    if (exit !== undefined) return this.#noteEnd(run, folder, exit);
    if (run.row.state === 'ended') return this.#remove(run, folder);
    const facts = folder.readFacts();
    if (facts === undefined) return this.#lookForShim(run, folder);
    run.startedAtMs = facts.startedAtMs;
    if (run.row.state === 'claimed') {
      run.row = await this.#parts.table.move(run.row, 'running');
    }
    if (run.row.state === 'stopping') folder.writeStop(this.#parts.settings.graceMs);
    if (!isSameProcess(facts.process)) return this.#noteLoss(run, folder, facts.process);
    const status = folder.readStatus(run.statusChangedAtMs);
    if (status !== undefined) {
      run.statusChangedAtMs = status.changedAtMs;
      run.progress = toRunProgress(status.value) ?? run.progress;
    }
    return true;
  }

  /** No shim has begun, or its folder was removed by hand. */
  async #lookForShim(run: LocalRun, folder: RunFolder): Promise<boolean> {
    if (run.row.state === 'running' || run.mayHaveBegun) {
      // The shim, too, ends itself and the training when it finds its folder gone.
      return killMarkedProcesses(run.row.runId) ? this.#remove(run, folder) : true;
    }
    if (run.isLaunching) {
      if (run.row.state === 'stopping') folder.writeStop(0);
      return true;
    }
    if (run.row.state === 'stopping') return this.#remove(run, folder);
    if (this.#parts.clock.now() < run.launchAtMs) return true;
    return this.#launch(run, folder);
  }

  async #launch(run: LocalRun, folder: RunFolder): Promise<boolean> {
    const { table, pool, limits, clock, settings, readSecrets, onShimEnd } = this.#parts;
    const { row } = run;
    run.launchAtMs = clock.now() + LAUNCH_AGAIN_MS;
    const secrets = await readSecrets(row);
    if (secrets === undefined) return this.#remove(run, folder);
    const plan = table.readPlan(row);
    const order = {
      ...{ runId: row.runId, recordUid: row.recordUid, name: row.name },
      command: settings.python,
      args: ['-m', 'trainer_runtime'],
      folder: folder.at('work'),
      graceMs: settings.graceMs,
      deadlineMs: plan.deadlineSeconds && plan.deadlineSeconds * 1000,
      logBytes: LOG_BYTES,
    };
    const refusal = this.refuse(plan, secrets);
    if (refusal !== undefined) {
      folder.create(order);
      folder.writeExit(toExit('refused', refusal, clock.now()));
      return true;
    }
    const { roots } = limits;
    const { env: base, allowedHosts, graceMs, reportsUrlFile } = settings;
    const env = buildTrainerEnvironment({
      ...{ row, plan, folder, pool, secrets, base, roots, allowedHosts, graceMs, reportsUrlFile },
    });
    launchShim(folder, order, env, (mayHaveBegun) => {
      run.isLaunching = false;
      run.mayHaveBegun = mayHaveBegun;
      onShimEnd();
    });
    // What failed before, as where the disk is full, is tried again.
    run.isLaunching = true;
    return true;
  }

  async #noteEnd(run: LocalRun, folder: RunFolder, exit: RunExit): Promise<boolean> {
    if (run.row.state === 'stopping') return this.#remove(run, folder);
    run.startedAtMs ??= folder.readFacts()?.startedAtMs;
    if (run.end === undefined) {
      const status = folder.readStatus(run.statusChangedAtMs);
      if (status !== undefined) run.progress = toRunProgress(status.value) ?? run.progress;
      const { deadlineSeconds } = this.#parts.table.readPlan(run.row);
      const termination = folder.readTermination();
      const logTail = folder.readLogTail(TAIL_BYTES);
      run.end = toRunEnd(exit, { termination, logTail, deadlineSeconds });
      run.endedAtMs = exit.endedAtMs;
    }
    if (run.row.state !== 'ended') run.row = await this.#parts.table.move(run.row, 'ended');
    return true;
  }

  /** The shim has died without a result, so it is unknown how the training would have ended. */
  async #noteLoss(run: LocalRun, folder: RunFolder, shim: ProcessFacts): Promise<boolean> {
    const { runId } = run.row;
    const trainer = folder.readTrainer();
    // Without /proc this is all that can be done; with it, it comes on top.
    if (trainer && isSameProcess(trainer)) sendSignal(-trainer.pid, 'SIGKILL');
    if (!killMarkedProcesses(runId)) return true;
    // It may have said so in its last moment.
    const last = folder.readExit();
    const why =
      shim.boot === readBootId()
        ? 'The process that looked after the training was killed'
        : 'The machine was restarted while the training was running';
    if (last === undefined) folder.writeExit(toExit('lost', why, this.#parts.clock.now()));
    return this.lookAfter(run);
  }

  async #remove(run: LocalRun, folder: RunFolder): Promise<boolean> {
    folder.remove();
    await this.#parts.table.remove(run.row);
    return false;
  }
}

function toExit(cause: NonNullable<RunExit['cause']>, message: string, nowMs: number): RunExit {
  return { code: null, signal: null, cause, message, endedAtMs: nowMs };
}
