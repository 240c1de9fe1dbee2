import { isTerminal, type JobRecord, type JobState } from '../jobs/job.ts';
import {
  isChangeOf,
  isNewFinding,
  isRunOf,
  type Observation,
  projectJob,
} from '../jobs/observation.ts';
import { toDeleted, toObservedEnd } from './terminal-states.ts';

/** What the controller does next for one job; at most one thing at a time. */
export type Decision = {
  readonly action:
    | { readonly do: 'nothing' }
    /** Finish a submission that its submitter left unfinished. */
    | { readonly do: 'start' }
    /** Note that the run exists. */
    | { readonly do: 'note'; readonly runId: string }
    /** Write a state; a terminal one is the latch. */
    | { readonly do: 'write'; readonly state: JobState }
    /** The run has vanished: make sure of it, then latch the state. */
    | { readonly do: 'confirm-gone'; readonly state: JobState }
    | { readonly do: 'stop' }
    | { readonly do: 'purge-credentials' }
    | { readonly do: 'delete' };
  /** When to look again even if nothing changes, UNIX milliseconds. */
  readonly requeueAtMs: number | undefined;
};

export interface DecideSettings {
  /** How long a record is left to whoever submitted it. */
  readonly submitterGraceMs: number;
  /** How long a run is kept after its end. */
  readonly runTtlMs: number;
  /** How long a record is kept after its end. */
  readonly recordTtlMs: number;
}

/** How soon to look again where no event announces the awaited change. */
const POLL_MS = 1000;
/** How often at most another sentence for the same reason is written. */
const FINDING_PERIOD_MS = 10_000;

/**
 * Compares a record with what the runner sees of it. Pure: the whole life of a job is this table.
 * `firstSeenAtMs` is when this process first saw the record, by the same clock as `nowMs`.
 */
export function decide(
  record: JobRecord,
  seen: Observation | undefined,
  firstSeenAtMs: number,
  nowMs: number,
  settings: DecideSettings,
): Decision {
  if (record.unreadable !== undefined) return decideUnreadable(record, seen, nowMs, settings);
  if (isTerminal(record.state.status)) return decideEnded(record, seen, nowMs, settings);
  if (seen === undefined) return wait(nowMs + POLL_MS);
  if (record.runId === undefined) {
    return decideUnstarted(record, seen, firstSeenAtMs + settings.submitterGraceMs, nowMs);
  }
  if (!isRunOf(record, seen)) {
    return act({ do: 'confirm-gone', state: toDeleted(record, nowMs) });
  }
  if (isTerminal(seen.status)) {
    return act({ do: 'write', state: toObservedEnd(record, seen, nowMs) });
  }
  const { state } = projectJob(record, seen, nowMs);
  if (isChangeOf(record, state)) return act({ do: 'write', state });
  if (!isNewFinding(record, seen, state)) return wait(undefined);
  // A scheduler says so many things a minute, and each is a write.
  const dueMs = record.state.observedAtMs + FINDING_PERIOD_MS;
  if (nowMs < dueMs) return wait(dueMs);
  return act({ do: 'write', state: { ...state, observedAtMs: nowMs } });
}

/** What this version cannot read it leaves alone, apart from a run that must not go on. */
function decideUnreadable(
  record: JobRecord,
  seen: Observation | undefined,
  nowMs: number,
  settings: DecideSettings,
): Decision {
  if (!isTerminal(record.state.status)) return wait(undefined);
  const { action, requeueAtMs } = decideEnded(record, seen, nowMs, settings);
  if (action.do === 'stop') return act(action);
  return wait(requeueAtMs ?? (seen === undefined ? nowMs + POLL_MS : undefined));
}

function decideUnstarted(
  record: JobRecord,
  seen: Observation,
  graceEndsAtMs: number,
  nowMs: number,
): Decision {
  // Its submitter starts and notes the run; doing the same beside it only makes conflicts.
  if (nowMs < graceEndsAtMs) return wait(graceEndsAtMs);
  return act(isRunOf(record, seen) ? { do: 'note', runId: seen.runId } : { do: 'start' });
}

function decideEnded(
  record: JobRecord,
  seen: Observation | undefined,
  nowMs: number,
  { runTtlMs, recordTtlMs }: DecideSettings,
): Decision {
  const endedAtMs = record.state.endedAtMs ?? record.state.observedAtMs;
  const runEndsAtMs = endedAtMs + runTtlMs;
  const recordEndsAtMs = endedAtMs + recordTtlMs;
  const isOwn = isRunOf(record, seen);
  const isSettled = record.delivery.settled !== undefined;
  if (isOwn && !seen.isStopping) {
    // It was ordered to save a checkpoint and to end, for which it has until then.
    const isSaving = !isTerminal(seen.status) && nowMs < (record.stopAtMs ?? 0);
    if (isSaving) return wait(record.stopAtMs);
    // Only a run that ended without being stopped is kept for people to look at; any other must not go on, nor
    // may one that its platform started again after its end.
    const endedByItself = record.state.status !== 'cancelled' && isTerminal(seen.status);
    if (!endedByItself || nowMs >= runEndsAtMs) return act({ do: 'stop' });
  }
  if (nowMs >= recordEndsAtMs && isSettled) return act({ do: 'delete' });
  const isAuthDue = record.webhookAuth === 'kept' && isSettled;
  const isPurgeDue = nowMs >= runEndsAtMs && (!record.areCredentialsGone || isAuthDue);
  if (isPurgeDue && !isOwn && seen !== undefined) {
    return act({ do: 'purge-credentials' });
  }
  if (seen === undefined) return wait(nowMs + POLL_MS);
  const dueMs = [runEndsAtMs, recordEndsAtMs].filter((atMs) => atMs > nowMs);
  return wait(dueMs.length > 0 ? Math.min(...dueMs) : undefined);
}

function wait(requeueAtMs: number | undefined): Decision {
  return { action: { do: 'nothing' }, requeueAtMs };
}

function act(action: Decision['action']): Decision {
  return { action, requeueAtMs: undefined };
}
