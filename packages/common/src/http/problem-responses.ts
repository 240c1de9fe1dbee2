import { ERROR_STATUS, type ErrorCode } from '../errors.ts';
import { ProblemSchema } from '../schemas/problem.ts';

/** Every `/train` route may answer with these, whatever it is asked. */
const ALWAYS: readonly ErrorCode[] = [
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'RATE_LIMITED',
  'INTERNAL_ERROR',
  'OVERLOADED',
  'CLUSTER_UNAVAILABLE',
];

/** Either header will do. */
export const TOKEN_SECURITY = [{ trainerToken: [] }, { bearerToken: [] }];

/** The problem documents that a route answers with, for its schema: by status, told by code. */
export function problemResponses(...own: readonly ErrorCode[]) {
  const codesByStatus = Map.groupBy([...own, ...ALWAYS], (code) => ERROR_STATUS[code]);
  return Object.fromEntries(
    [...codesByStatus].map(([status, codes]) => [
      status,
      ProblemSchema.meta({ description: codes.join(', ') }),
    ]),
  );
}
