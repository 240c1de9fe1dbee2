import type { JobPayload, JobRecord, JsonObject } from '../jobs/job.ts';
import { isBelow, toOutputPlace } from '../jobs/output-place.ts';
import { toOneLine } from '../jobs/outside-text.ts';
import type { Reported, Run } from '../jobs/reported.ts';
import { type Result, toResult } from '../jobs/result.ts';
import type { Report } from '../requests/report.ts';
import type { PayloadWithMask } from './read-mask.ts';

const MAX_URI_LENGTH = 512;
const MAX_WARNING_LENGTH = 500;

/** The part of a report that a record keeps, as it came: not fit to be shown. */
export interface RawReport {
  readonly reported: Reported;
  readonly result: JsonObject | undefined;
}

/** The same, fit to be shown. */
export interface CleanReport {
  readonly reported: Reported;
  readonly result: Result | undefined;
  /** Of the checkpoints that are left out. */
  readonly faults: readonly CheckpointFault[];
}

export function toRawReport({ result, ...report }: Report): RawReport {
  return { reported: toReported(report), result: result ?? undefined };
}

/** Which run a report is of, as that counts itself. */
export function toRun({ attempt, started_at }: Pick<Report, 'attempt' | 'started_at'>): Run {
  return { attempt, ...(typeof started_at === 'number' && { runStartedAt: started_at }) };
}

function toReported(report: Omit<Report, 'result'>): Reported {
  const { phase, checkpoints, warnings } = report;
  return {
    ...toRun(report),
    phase: phase ?? undefined,
    checkpoints: checkpoints.map(({ step, uri, time }) => {
      const savedAtMs = time === undefined || time === null ? undefined : Math.round(time * 1000);
      return { step, uri, savedAtMs };
    }),
    warnings,
  };
}

/** Why a checkpoint is left out of a report. */
export type CheckpointFault = 'too long' | 'not below the output' | 'holds a credential';

/** The same without the job's and the operator's credentials, and without what lies elsewhere. Pure. */
export function cleanReport(
  { reported, result }: RawReport,
  record: JobRecord,
  masked: PayloadWithMask,
): CleanReport {
  const { mask, payload } = masked;
  const place = findOutputPlace(record, payload);
  const judged = reported.checkpoints.map((checkpoint) => ({
    checkpoint,
    fault: findFault(checkpoint.uri, place, masked),
  }));
  return {
    reported: {
      ...reported,
      checkpoints: judged.filter(({ fault }) => !fault).map(({ checkpoint }) => checkpoint),
      warnings: reported.warnings
        .map((warning) => toOneLine(mask(warning), MAX_WARNING_LENGTH))
        .filter((warning) => warning !== ''),
    },
    result: result && toResult(result, mask, findModelUri(record, masked)),
    faults: judged.flatMap(({ fault }) => fault ?? []),
  };
}

function findFault(
  uri: string,
  place: string | undefined,
  { mask, maskOwn }: PayloadWithMask,
): CheckpointFault | undefined {
  if (uri.length > MAX_URI_LENGTH) return 'too long';
  if (place === undefined || !isBelow(uri, place)) return 'not below the output';
  // The place is known from the request: a value of the operator's in it tells nobody anything.
  const added = uri.startsWith(place) ? uri.slice(place.length) : uri;
  return maskOwn(uri) === uri && mask(added) === added ? undefined : 'holds a credential';
}

/** Where the model of a job lies once it is complete, fit to be shown. */
export function findModelUri(
  record: Pick<JobRecord, 'id'>,
  { payload, maskOwn }: PayloadWithMask,
): string | undefined {
  const place = findOutputPlace(record, payload);
  return place && maskOwn(`${place}/model`);
}

/** Where the job's results lie, as far as its request can be read. */
function findOutputPlace(
  { id }: Pick<JobRecord, 'id'>,
  { asked }: Pick<JobPayload, 'asked'>,
): string | undefined {
  const { artifacts } = (asked.second ?? asked.first) as {
    artifacts?: { output_uri?: unknown };
  };
  const outputUri = artifacts?.output_uri;
  return typeof outputUri === 'string' ? toOutputPlace(outputUri, id) : undefined;
}
