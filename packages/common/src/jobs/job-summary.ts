import type { TrainingResponse } from '../requests/training-response.ts';
import type { JobView } from './observation.ts';
import { describePhase, toCurrentPhase } from './phase.ts';
import { appendPhase, type PhaseSpan, toPhaseSpans } from './phase-history.ts';

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
    phase: toCurrentPhase(state, record.reported)?.phase ?? null,
    checkpoints: checkpoints.map(({ step, uri, savedAtMs }) => {
      return { step, uri, saved_at: toIsoTime(savedAtMs) };
    }),
  };
}

/** Where the time of a job went and goes, oldest first, up to what is seen of it now. */
export function toPhases({ record, state, progress }: JobView): TrainingResponse['phases'] {
  const { createdAtMs, reported } = record;
  const isReporting = reported !== undefined || progress !== undefined;
  const phases = appendPhase(record, { state }) ?? record.phases;
  const spans = toPhaseSpans({ createdAtMs, reported, state, phases });
  // One mostly begins when the other ends, and to write a time is most of what this costs.
  let last: (Pick<PhaseSpan, 'endedAtMs'> & { readonly text: string | null }) | undefined;
  return spans.map((span) => {
    const { phase, owner, startedAtMs, endedAtMs } = span;
    const startedAt = last?.endedAtMs === startedAtMs ? last.text : null;
    const endedAt = toIsoTime(endedAtMs);
    last = { endedAtMs, text: endedAt };
    const isOwn = owner === 'training' || phase === 'stalled';
    const now = isOwn && isReporting ? describePhase(span) : state.detail;
    const silence = isOwn && !isReporting ? '; this job sends no reports' : '';
    return {
      ...{ phase, owner },
      started_at: startedAt ?? new Date(startedAtMs).toISOString(),
      ended_at: endedAt,
      message: endedAtMs === undefined ? `${now}${silence}` : describePhase(span),
    };
  });
}

/** RFC 3339 in UTC, or null for a time that is not known. */
export function toIsoTime(timeMs: number | undefined): string | null {
  return timeMs === undefined ? null : new Date(timeMs).toISOString();
}
