import type { JobRecord } from '../src/jobs/job.ts';
import { toJobName } from '../src/jobs/job-name.ts';
import type { Platform } from '../src/jobs/platform.ts';
import {
  startTestService,
  type TestAnswer,
  type TestService,
  type TestServiceOptions,
} from './start-test-service.ts';

/** A service that trainings report to, and what a training of it knows. */
export interface ReportBed extends AsyncDisposable {
  readonly service: TestService;
  readonly platform: Platform;
  /** The token that the training of a job was given. */
  readToken(jobId: string): Promise<string>;
  readRecord(jobId: string): JobRecord;
  /** A report of a job as its own training sends it, unless `token` is another one. */
  report(jobId: string, body: unknown, token?: string): Promise<TestAnswer>;
}

export async function startReportBed(options: TestServiceOptions = {}): Promise<ReportBed> {
  let platform: Platform | undefined;
  const service = await startTestService({
    ...options,
    env: {
      TRAINER_REPORTS_PORT: '0',
      TRAINER_REPORTS_URL: 'http://trainer-reports:8090/',
      ...options.env,
    },
    decorate: {
      platform: (made) => {
        platform = options.decorate?.platform(made) ?? made;
        return platform;
      },
      webhookClient: options.decorate?.webhookClient ?? ((client) => client),
    },
  });
  const there = platform as unknown as Platform;
  const readRecord = (jobId: string) => {
    const record = there.store.getCached(toJobName('test', jobId));
    if (record === undefined) throw new Error(`there is no job ${jobId}`);
    return record;
  };
  const readToken = async (jobId: string) => {
    const payload = await there.store.readPayload(readRecord(jobId));
    return payload?.secrets.TRAINER_REPORTS_TOKEN ?? '';
  };
  return {
    service,
    platform: there,
    readRecord,
    readToken,
    report: async (jobId, body, token) => {
      const own = token ?? (await readToken(jobId));
      const response = await fetch(`${service.reportsUrl}/train/${jobId}/reports`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${own}` },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      });
      const text = await response.text();
      const { status, headers } = response;
      return { status, headers, text, body: text === '' ? undefined : JSON.parse(text) };
    },
    [Symbol.asyncDispose]: () => service.close(),
  };
}
