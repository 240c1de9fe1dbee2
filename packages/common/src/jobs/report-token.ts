import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { SpecifiedJob } from './job-spec.ts';

/** The variable of a training that holds its token, and the key of the job's secret. */
const TOKEN_NAME = 'TRAINER_REPORTS_TOKEN';
const TOKEN_BYTES = 32;
/** Of no token; what is compared where a job has none. */
const NO_HASH = toReportTokenHash('');

/** How the processes of jobs find the service; no `url` where their runner tells them another way. */
export interface ReportAccess {
  readonly url: string | undefined;
  /** How long a training that is ordered to stop may take to save. */
  readonly graceMs: number;
}

/** The job with a token of its own to report with, and the hash by which that is known again. */
export function withReportAccess<Job extends SpecifiedJob>(
  job: Job,
  { url, graceMs }: ReportAccess,
): { readonly job: Job; readonly reportTokenHash: string } {
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  const variables = [
    ...job.spec.variables,
    ...(url === undefined
      ? []
      : [
          { name: 'TRAINER_REPORTS_URL', value: url },
          { name: 'TRAINER_GRACE_SECONDS', value: String(graceMs / 1000) },
        ]),
    { name: TOKEN_NAME, secretKey: TOKEN_NAME },
  ];
  return {
    job: {
      ...job,
      spec: { ...job.spec, variables },
      secrets: { ...job.secrets, [TOKEN_NAME]: token },
    },
    reportTokenHash: toReportTokenHash(token),
  };
}

/** Whether a token is the one of `reportTokenHash`; takes the same time for every wrong one. */
export function isReportToken(token: string, reportTokenHash: string | undefined): boolean {
  const expected = Buffer.from(reportTokenHash ?? NO_HASH);
  const given = Buffer.from(toReportTokenHash(token));
  const isSame = given.length === expected.length && timingSafeEqual(given, expected);
  return isSame && reportTokenHash !== undefined;
}

function toReportTokenHash(token: string): string {
  return hash('sha256', token, 'base64url');
}
