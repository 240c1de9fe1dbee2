import { z } from 'zod';
import type { Violation } from '../errors.ts';
import { toViolation } from './format-issue.ts';
import { isRecord, type Json } from './is-record.ts';
import { JobIdSchema } from './job-status.ts';
import { assertPlainObject } from './json-shape.ts';

/** Where a rerun begins: with the last checkpoint of the job before it, or anew. */
export const RERUN_STARTS = ['checkpoint', 'start'] as const;
export type RerunStart = (typeof RERUN_STARTS)[number];

/** The body of `POST /train/{job_id}/rerun`. */
export const RerunSchema = z
  .strictObject({
    job_id: JobIdSchema.describe(
      'The id of the new job; required, so that the same request can be sent again',
    ),
    from: z
      .enum(RERUN_STARTS)
      .describe('`checkpoint`: goes on from the last one that the ended job has; `start`: anew'),
    changes: z
      .record(z.string(), z.unknown())
      .nullish()
      .describe(
        'A JSON merge patch of the request of the ended job: what is not there stays, null takes a part away, a list is replaced as a whole; a field that has several names is the same under each. `callbacks` are never taken over, so that they stand here or there are none',
      ),
  })
  .meta({ id: 'RerunRequest' });
export type RerunInput = z.input<typeof RerunSchema>;

/** What a body asks for, as far as it can be read. */
export interface ParsedRerun {
  readonly jobId: string | undefined;
  readonly from: RerunStart | undefined;
  readonly changes: Json;
  readonly violations: readonly Violation[];
}

const Rerun = z.compile(RerunSchema);

/**
 * Parses the body of a rerun of the job `parentId`.
 * @throws TrainerError INVALID_REQUEST when the body is no JSON object that could be examined.
 */
export function parseRerun(body: unknown, parentId: string): ParsedRerun {
  assertPlainObject(body);
  const { success, error } = Rerun.safeParse(body);
  const { job_id, from, changes } = body;
  const given = isRecord(changes) ? changes : {};
  return {
    jobId: JobIdSchema.safeParse(job_id).data,
    from: RERUN_STARTS.find((known) => known === from),
    changes: given,
    violations: [
      ...(success ? [] : error.issues.map(toViolation)),
      ...(job_id === parentId
        ? [violation('job_id', 'must be another one than that of the ended job')]
        : []),
      ...(given.job_id === undefined
        ? []
        : [violation('changes.job_id', 'must not be given: job_id beside it names the new job')]),
      ...(isRecord(given.extra_parameters) && given.extra_parameters.resume_from != null
        ? [violation('changes.extra_parameters.resume_from', 'must not be given: `from` sets it')]
        : []),
    ],
  };
}

function violation(path: string, rule: string): Violation {
  return { path, message: `${path} ${rule}.` };
}
