import { z } from 'zod';
import { ERROR_CODES } from '../error-codes.ts';
import type { TrainerError } from '../errors.ts';

/** `application/problem+json` as in RFC 9457, with a stable `code` and every violation. */
export const ProblemSchema = z
  .object({
    type: z.string().describe('A URN that stands for `code`'),
    title: z.string().describe('The name of the status'),
    status: z.int().describe('The HTTP status'),
    detail: z.string().meta({ description: 'One sentence that says what is wrong' }),
    code: z
      .enum(ERROR_CODES)
      .describe('What is wrong, for programs; codes are never renamed or reused'),
    errors: z
      .array(
        z.object({
          path: z.string().describe('Where in the body, such as `datasets[0].format`'),
          message: z.string().describe('One sentence'),
        }),
      )
      .describe('Every violation; empty when the problem is not about single fields'),
    request_id: z
      .string()
      .optional()
      .describe('The same as `X-Request-Id`; name it when you ask for help'),
  })
  .meta({ id: 'Problem' });
export type Problem = z.output<typeof ProblemSchema>;

/** What the caller sees of an error. */
export function toProblem(error: TrainerError, requestId: string): Problem {
  return {
    type: `urn:trainer:error:${error.code.toLowerCase().replaceAll('_', '-')}`,
    title: error.title,
    status: error.status,
    detail: error.message,
    code: error.code,
    errors: [...error.violations],
    request_id: requestId,
  };
}
