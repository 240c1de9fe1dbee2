import { z } from 'zod';

const WITHHELD_STATES = ['none', 'kept', 'gone'] as const;

const JsonObjectSchema = z.record(z.string(), z.unknown());

/** The answer of `GET /train/{job_id}/request`: what a job was asked for. */
export const JobRequestSchema = z
  .object({
    job_id: z.string().describe("The caller's own id of the job"),
    request: JsonObjectSchema.nullable().describe(
      'As it was sent, but without `callbacks`, which may change; `[redacted]` stands where something was withheld. Null where it is not kept: it is above 96 KiB, or an earlier release accepted it',
    ),
    withheld: z
      .array(z.string())
      .describe('Where something was withheld, as paths such as `datasets[0].auth.token`'),
    credentials: z
      .enum(WITHHELD_STATES)
      .describe(
        'Whether what was withheld is still there for a rerun: `none` was, it is `kept`, or `gone`, some time after the end',
      ),
    resolved_request: JsonObjectSchema.nullable().describe(
      'As the training reads it: with defaults, and without credentials. Null where it cannot be told any more, since a part of it was a credential that is gone',
    ),
  })
  .meta({ id: 'JobRequest' });
export type JobRequest = z.output<typeof JobRequestSchema>;
