import type { TrainingResponse } from '../requests/training-response.ts';
import { isTerminal, type JobState } from './job.ts';
import type { JobView } from './observation.ts';
import type { Reported } from './reported.ts';

type Summary = Pick<
  TrainingResponse,
  'job_id' | 'backend_job_id' | 'status' | 'reason' | 'detail' | 'progress' | 'timestamps'
>;

/** The part of an answer that changes over a job's life, which callbacks carry too. */
export function toJobSummary({ record, state, progress }: JobView): Summary {
  return {
    job_id: record.id,
    backend_job_id: record.name,
    status: state.status,
    reason: state.reason,
    detail: state.detail,
    progress: progress ?? null,
    timestamps: {
      created_at: toIsoTime(record.createdAtMs),
      updated_at: toIsoTime(state.observedAtMs),
      started_at: toIsoTime(state.startedAtMs),
      ended_at: toIsoTime(state.endedAtMs),
    },
  };
}

type TrainingPart = Pick<TrainingResponse, 'phase' | 'checkpoints'>;

/** The part of an answer that tells how the training itself fares, as it says. */
export function toTrainingPart({ record, state }: JobView): TrainingPart {
  const { checkpoints = [] } = record.reported ?? {};
  return {
    phase: toPhase(state, record.reported),
    checkpoints: checkpoints.map(({ step, uri, savedAtMs }) => {
      return { step, uri, saved_at: toIsoTime(savedAtMs) };
    }),
  };
}

/** One that its queue stopped half way waits again. */
function toPhase({ status, reason }: JobState, reported: Reported | undefined) {
  if (isTerminal(status)) return null;
  if (status === 'submitted' || reason === 'PREEMPTED') return 'queued';
  if (reported?.stalled !== undefined) return 'stalled';
  return reported?.phase ?? 'training';
}

/** RFC 3339 in UTC, or null for a time that is not known. */
export function toIsoTime(timeMs: number | undefined): string | null {
  return timeMs === undefined ? null : new Date(timeMs).toISOString();
}
