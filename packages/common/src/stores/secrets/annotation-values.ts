import { z } from 'zod';
import type {
  JobState,
  JsonObject,
  KeptDelivery,
  RerunOrigin,
  Settlement,
} from '../../jobs/job.ts';
import type { JobTraits } from '../../jobs/job-traits.ts';
import type { Reason } from '../../jobs/reasons.ts';
import type { Reported } from '../../jobs/reported.ts';
import { JOB_STATUSES } from '../../requests/job-status.ts';
import { REPORTED_PHASES } from '../../requests/report.ts';
import { RERUN_STARTS } from '../../requests/rerun.ts';

/*
 * What the annotations of a record say, each from its text; undefined where that is not there, or
 * cannot be read.
 */

/** UNIX milliseconds that a Date can hold. */
const timeMs = z.number().min(0).max(8.64e15);
const time = timeMs.optional();
// Codes of a newer release are kept as they are, since replicas of two releases meet at an update.
const StateSchema = z.object({
  status: z.enum(JOB_STATUSES),
  reason: z.string(),
  detail: z.string(),
  observedAtMs: timeMs,
  startedAtMs: time,
  endedAtMs: time,
});
const DeliverySchema = z.object({
  settled: z.string().optional(),
  attempts: z.array(
    z.object({
      atMs: timeMs,
      durationMs: z.number(),
      status: z.number().optional(),
      error: z.string().optional(),
      isUpdate: z.literal(true).optional(),
    }),
  ),
  attemptCount: z.number(),
  nextAttemptAtMs: time,
  replayedAtMs: time,
  repeatAtMs: time,
});
const ReportedSchema = z.object({
  attempt: z.int().min(1),
  counted: z.int().min(1).optional(),
  runStartedAt: z.number().min(0).optional(),
  phase: z.string().optional(),
  checkpoints: z.array(z.object({ step: z.int().min(0), uri: z.string(), savedAtMs: time })),
  warnings: z.array(z.string()),
  stalled: z
    .object({ owner: z.enum(['no reports', 'no step']), sinceMs: timeMs })
    .optional()
    .catch(undefined),
});
const ResultSchema = z.record(z.string(), z.unknown());
const WarningsSchema = z.array(z.string());
const TraitsSchema = z.object({
  model: z.string(),
  method: z.string(),
  provider: z.string(),
  gpus: z.number(),
  labels: z.record(z.string(), z.string()),
});
const RerunOfSchema = z.object({
  jobId: z.string(),
  from: z.enum(RERUN_STARTS),
  fingerprint: z.string(),
});
const RevisionSchema = z.number().int().min(0);

export function readTime(text: string | undefined): number | undefined {
  return parseJson(timeMs, text);
}

export function readRevision(text: string | undefined): number | undefined {
  return parseJson(RevisionSchema, text);
}

export function readWarnings(text: string | undefined): string[] | undefined {
  return parseJson(WarningsSchema, text);
}

export function readTraits(text: string | undefined): JobTraits | undefined {
  return parseJson(TraitsSchema, text);
}

export function readRerunOf(text: string | undefined): RerunOrigin | undefined {
  return parseJson(RerunOfSchema, text);
}

export function readResult(text: string | undefined): JsonObject | undefined {
  return parseJson(ResultSchema, text);
}

export function readReported(text: string | undefined): Reported | undefined {
  const found = parseJson(ReportedSchema, text);
  if (found === undefined) return undefined;
  const { attempt, counted, runStartedAt, phase, checkpoints, warnings, stalled } = found;
  return {
    attempt,
    ...(counted !== undefined && { counted }),
    ...(runStartedAt !== undefined && { runStartedAt }),
    phase: REPORTED_PHASES.find((known) => known === phase),
    checkpoints: checkpoints.map(({ step, uri, savedAtMs }) => ({ step, uri, savedAtMs })),
    warnings,
    ...(stalled !== undefined && { stalled }),
  };
}

export function readState(text: string | undefined): JobState | undefined {
  const found = parseJson(StateSchema, text);
  if (found === undefined) return undefined;
  const { status, reason, detail, observedAtMs, startedAtMs, endedAtMs } = found;
  return { status, reason: reason as Reason, detail, observedAtMs, startedAtMs, endedAtMs };
}

export function readDelivery(text: string | undefined): KeptDelivery | undefined {
  const found = parseJson(DeliverySchema, text);
  if (found === undefined) return undefined;
  const { settled, attempts, attemptCount, nextAttemptAtMs, replayedAtMs, repeatAtMs } = found;
  return {
    settled: settled as Settlement | undefined,
    attempts: attempts.map(({ atMs, durationMs, status, error, isUpdate }) => {
      return { atMs, durationMs, status, error, ...(isUpdate && { isUpdate }) };
    }),
    attemptCount,
    nextAttemptAtMs,
    replayedAtMs,
    repeatAtMs,
  };
}

function parseJson<T>(schema: z.ZodType<T>, text: string | undefined): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text ?? '')).data;
  } catch {
    return undefined;
  }
}
