import { z } from 'zod';
import { ERROR_STATUS, type ErrorCode } from '../errors.ts';

/** `application/problem+json` as in RFC 9457, with a stable `code` and every violation. */
export const ProblemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().meta({ description: 'One sentence that says what is wrong' }),
    code: z.enum(Object.keys(ERROR_STATUS) as [ErrorCode, ...ErrorCode[]]),
    errors: z.array(z.object({ path: z.string(), message: z.string() })),
    request_id: z.string().optional(),
  })
  .meta({ id: 'Problem' });
export type Problem = z.output<typeof ProblemSchema>;
