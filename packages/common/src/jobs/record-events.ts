import type { RerunStart } from '../requests/rerun.ts';
import {
  type Attempt,
  isTerminal,
  type JobRecord,
  type JobState,
  type KeptDelivery,
  type RerunOrigin,
} from './job.ts';
import { type Actor, type NewJobEvent, SYSTEM, TRAINER } from './job-event.ts';
import type { RecordChange } from './job-store.ts';
import type { Reported } from './reported.ts';

/** Of checkpoints and warnings, so many are told of one change; it may bring a hundred. */
const MAX_TOLD = 5;

/**
 * What a change of a record tells of its job's life. All that changes a record goes through its store,
 * so that nothing can happen to a job without its event. Pure.
 */
export function toEvents(record: JobRecord, change: RecordChange): NewJobEvent[] {
  const { state, delivery, reported, callbackRevision, rerun, by = SYSTEM } = change;
  const attempt = (reported ?? record.reported)?.attempt;
  const timeMs = change.atMs ?? state?.observedAtMs ?? record.state.observedAtMs;
  return [
    ...(reported === undefined ? [] : tellReported(record.reported, reported, timeMs)),
    ...(state === undefined ? [] : tellState(record.state, state, by)),
    ...(callbackRevision === undefined ? [] : [tellCallbacks(change, timeMs, by)]),
    ...(delivery === undefined ? [] : tellDelivery(record, delivery, by)),
    ...(rerun === undefined ? [] : [tellRerun(rerun, timeMs, by)]),
  ].map((event) => ({ ...event, attempt }));
}

/** How a job's life begins. */
export function toFirstEvents(
  { state, rerunOf }: Pick<JobRecord, 'state' | 'rerunOf'>,
  by: Actor,
): NewJobEvent[] {
  const told = rerunOf === undefined ? [] : [tellOrigin(rerunOf, state.observedAtMs, by)];
  return [toStateEvent(state, by), ...told].map((event) => ({ ...event, attempt: undefined }));
}

type Told = Omit<NewJobEvent, 'attempt'>;

/** A detail that changes alone is no event. */
function tellState(before: JobState, state: JobState, by: Actor): Told[] {
  const isSame = before.status === state.status && before.reason === state.reason;
  return isSame ? [] : [toStateEvent(state, by)];
}

function toStateEvent({ status, reason, detail, observedAtMs }: JobState, by: Actor): Told {
  return {
    type: 'job.state',
    timeMs: observedAtMs,
    level: status === 'failed' ? 'error' : 'info',
    message: detail,
    data: { status, reason },
    actor: by,
  };
}

function tellReported(before: Reported | undefined, now: Reported, timeMs: number): Told[] {
  const isNewAttempt = now.attempt > (before?.attempt ?? 1);
  const tell = (event: Pick<Told, 'type' | 'message' | 'data'> & Partial<Told>): Told => {
    return { timeMs, level: 'info', actor: TRAINER, ...event };
  };
  const { phase } = now;
  const knownUris = new Set(before?.checkpoints.map(({ uri }) => uri));
  const checkpoints = now.checkpoints.filter(({ uri }) => !knownUris.has(uri)).slice(-MAX_TOLD);
  const knownWarnings = new Set(isNewAttempt ? [] : before?.warnings);
  const warnings = now.warnings.filter((text) => !knownWarnings.has(text)).slice(0, MAX_TOLD);
  return [
    ...tellStall(before, now, timeMs),
    ...(phase === undefined || (phase === before?.phase && !isNewAttempt)
      ? []
      : [tell({ type: 'job.phase', message: `The training is ${phase}`, data: { phase } })]),
    ...checkpoints.map(({ step, uri, savedAtMs }) =>
      tell({
        type: 'job.checkpoint',
        ...(savedAtMs !== undefined && { timeMs: savedAtMs }),
        message: `A checkpoint of step ${step} is complete`,
        data: { step, uri },
      }),
    ),
    ...warnings.map((message) =>
      tell({ type: 'job.warning', level: 'warning', message, data: {} }),
    ),
  ];
}

/** That it stands still is what we ourselves found. */
function tellStall(before: Reported | undefined, now: Reported, timeMs: number): Told[] {
  const owner = now.stalled?.owner;
  if (owner === before?.stalled?.owner) return [];
  const isStalled = owner !== undefined;
  const wants = owner === 'no step' ? 'tells of a further step' : 'comes';
  return [
    {
      type: 'job.phase',
      timeMs,
      level: isStalled ? 'warning' : 'info',
      message: isStalled
        ? `The training seems to stand still: no report ${wants}`
        : 'The training goes on',
      data: { phase: isStalled ? 'stalled' : (now.phase ?? 'training'), owner: owner ?? null },
      actor: SYSTEM,
    },
  ];
}

/** Of what may hold credentials, or is one, its name alone. */
function tellCallbacks(
  { hasWebhook, webhookOrigin, callback }: RecordChange,
  timeMs: number,
  by: Actor,
): Told {
  const changed = callback?.changed ?? [];
  const place = webhookOrigin ?? 'another address';
  const message = !hasWebhook
    ? 'Callbacks go nowhere from now on'
    : changed.length > 0 && !changed.includes('webhook_url')
      ? `Callbacks still go to ${place}, with another ${changed.join(' and ')} from now on`
      : `Callbacks go to ${place} from now on`;
  const data = { changed };
  return { type: 'job.callbacks', timeMs, level: 'info', message, data, actor: by };
}

const BEGINNINGS: Readonly<Record<RerunStart, string>> = {
  checkpoint: 'from its last checkpoint on',
  start: 'from the start',
};

function tellOrigin({ jobId, from }: RerunOrigin, timeMs: number, by: Actor): Told {
  const message = `This is job ${jobId} again, ${BEGINNINGS[from]}`;
  const data = { rerun_of: jobId, from };
  return { type: 'job.rerun', timeMs, level: 'info', message, data, actor: by };
}

function tellRerun(
  { jobId, from }: NonNullable<RecordChange['rerun']>,
  timeMs: number,
  by: Actor,
): Told {
  const message = `It is run again as job ${jobId}, ${BEGINNINGS[from]}`;
  return {
    type: 'job.rerun',
    timeMs,
    level: 'info',
    message,
    data: { job_id: jobId, from },
    actor: by,
  };
}

/** Attempts at the final event, a 410 to an update, and that somebody wants the newest one sent. */
function tellDelivery(
  { delivery: before, state }: JobRecord,
  after: KeptDelivery,
  by: Actor,
): Told[] {
  const { replayedAtMs, settled } = after;
  if (replayedAtMs !== undefined && replayedAtMs !== before.replayedAtMs) {
    const isFinal = isTerminal(state.status);
    const message = isFinal ? describeFinalReplay(before) : 'The newest state is sent at once';
    const data = { replay: true, event: isFinal ? 'final' : 'update' };
    return [
      { type: 'job.delivery', timeMs: replayedAtMs, level: 'info', message, data, actor: by },
    ];
  }
  const count = Math.max(0, countPosts(after) - countPosts(before));
  const attempts = count === 0 ? [] : after.attempts.slice(-count);
  return attempts.map((attempt, index) => {
    const { atMs, durationMs, status, isUpdate = false } = attempt;
    const isLast = index === attempts.length - 1;
    const isDelivered = status !== undefined && status >= 200 && status < 300;
    const outcome = isLast ? settled : undefined;
    return {
      type: 'job.delivery',
      timeMs: atMs,
      level: isDelivered ? 'info' : 'warning',
      message: describeAttempt(attempt, outcome),
      data: {
        event: isUpdate ? 'update' : 'final',
        ...{ status: status ?? null, duration_ms: durationMs, settled: outcome ?? null },
      },
      actor: SYSTEM,
    };
  });
}

function describeFinalReplay({ attempts }: KeptDelivery): string {
  const wasSent = attempts.some(({ isUpdate = false }) => !isUpdate);
  return `The final callback is sent ${wasSent ? 'again' : 'at once'}`;
}

/** Those of updates, of which the record has only what it keeps, count too. */
function countPosts({ attempts, attemptCount }: KeptDelivery): number {
  return attemptCount + attempts.filter(({ isUpdate }) => isUpdate).length;
}

function describeAttempt(
  { status, error, isUpdate }: Attempt,
  settled: KeptDelivery['settled'],
): string {
  const what = isUpdate ? 'An update' : 'The final callback';
  const answer = status === undefined ? `got no answer (${error ?? 'unknown'})` : `got ${status}`;
  const end =
    settled === 'expired'
      ? ', and is given up'
      : settled === 'gone'
        ? ', so that nothing more is sent'
        : '';
  return `${what} ${answer}${end}`;
}
