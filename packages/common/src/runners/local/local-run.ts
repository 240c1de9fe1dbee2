import type { Observation } from '../../jobs/observation.ts';
import type { Progress } from '../../requests/training-response.ts';
import type { RunEnd } from './run-end.ts';
import type { RunRow } from './run-row.ts';
import type { SlotPool } from './slot-pool.ts';

/** What this process knows of a run of its backend. */
export interface LocalRun {
  row: RunRow;
  startedAtMs: number | undefined;
  endedAtMs: number | undefined;
  end: RunEnd | undefined;
  progress: Progress | undefined;
  /** When the status file was last written, as far as it was read. */
  statusChangedAtMs: number | undefined;
  /** From 1 on, over all backends; undefined for one that does not wait. */
  place: number | undefined;
  /** Its shim was started by this process and has not ended yet. */
  isLaunching: boolean;
  /** A shim that this process started has ended, and may have started the training before. */
  mayHaveBegun: boolean;
  /** When a shim may be started again that ended without a word. */
  launchAtMs: number;
  /** Why it could not be looked after the last time, so that this is said once. */
  failure: string | undefined;
  /** Whatever changes it is done one after the other. */
  turn: Promise<unknown>;
}

export function toLocalRun(row: RunRow): LocalRun {
  return {
    row,
    startedAtMs: undefined,
    endedAtMs: undefined,
    end: undefined,
    progress: undefined,
    statusChangedAtMs: undefined,
    place: undefined,
    isLaunching: false,
    mayHaveBegun: false,
    launchAtMs: 0,
    failure: undefined,
    turn: Promise.resolve(),
  };
}

/** A run as the controller sees it. Pure. */
export function observeRun(run: LocalRun, pool: SlotPool): Observation {
  const { row, startedAtMs, endedAtMs, progress, end } = run;
  const base = {
    exists: true,
    runId: row.runId,
    recordUid: row.recordUid,
    isStopping: row.state === 'stopping',
    startedAtMs,
    endedAtMs,
    progress,
  } as const;
  if (end !== undefined) return { ...base, ...end };
  if (startedAtMs !== undefined) {
    const detail = `Training is running on ${describeSlots(row.slots, pool)}`;
    return { ...base, status: 'running', reason: 'RUNNING', detail };
  }
  if (row.state === 'queued' && run.place !== undefined) {
    const what = pool.device === 'gpu' ? 'GPU' : 'CPU core';
    const detail = `Waiting for a free ${what}: number ${run.place} in the line`;
    return { ...base, status: 'submitted', reason: 'QUEUED', detail, hasLiveDetail: true };
  }
  return {
    ...base,
    status: 'submitted',
    reason: 'PENDING',
    detail: 'The training is being started',
  };
}

function describeSlots(slots: readonly string[], { device }: SlotPool): string {
  if (device === 'gpu') return `${slots.length === 1 ? 'GPU' : 'GPUs'} ${slots.join(', ')}`;
  return `${slots.length} CPU ${slots.length === 1 ? 'core' : 'cores'}`;
}
