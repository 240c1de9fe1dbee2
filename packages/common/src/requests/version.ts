import { z } from 'zod';
import { RUNNERS } from '../runner-names.ts';

/** The answer of `GET /version`: what runs here and, for those who may call, on what. */
export const VersionSchema = z
  .object({
    version: z.string().describe('The release, as SemVer'),
    api_level: z
      .int()
      .min(1)
      .describe('Grows with each release that adds routes or fields; 1 is the first'),
    runner: z
      .enum(RUNNERS)
      .optional()
      .describe('What runs jobs; only with a token, where one is needed, as all that follows'),
    cluster: z
      .string()
      .nullable()
      .optional()
      .describe("The API server's address; null without a cluster"),
    namespace: z
      .string()
      .nullable()
      .optional()
      .describe('Where the jobs run in the cluster; null without one'),
  })
  .meta({ id: 'Version' });
export type VersionAnswer = z.output<typeof VersionSchema>;
