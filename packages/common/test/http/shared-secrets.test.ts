import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LogItem } from '../../src/jobs/log-line.ts';
import { parseLogTails } from '../../src/jobs/log-tails.ts';
import { FakeClock } from '../fake-clock.ts';
import { type ReportBed, startReportBed } from '../report-bed.ts';
import { makeRequest } from '../start-test-service.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const line = { node: 0, attempt: 1, time: undefined, isPartial: false, position: '1' };

let clock: FakeClock;
let bed: ReportBed;
/** What the operator's Secrets hold; undefined where they may not be read. */
let shared: string[] | undefined;
let log: LogItem[];
/** How often they were asked for. */
let reads: number;
let logged: Record<string, unknown>[];

beforeEach(async () => {
  clock = new FakeClock();
  shared = ['Kd93ksl0Kd93'];
  log = [{ end: 'LOG_READ' }];
  reads = 0;
  logged = [];
  bed = await startReportBed({
    clock,
    logger: pino({}, { write: (line) => logged.push(JSON.parse(line)) }),
    decorate: {
      platform: (made) => {
        made.runner.readLogs = async () =>
          (async function* () {
            yield* log;
          })();
        const readSharedSecrets = async () => {
          reads += 1;
          return shared;
        };
        return { ...made, readSharedSecrets };
      },
      webhookClient: (client) => client,
    },
  });
  const extra_parameters = {
    mock: { submitted_seconds: 0, outcome: 'never' },
    trainer_args: ['--db_password', 'hunter2-pass99'],
  };
  await bed.service.post('/train', makeRequest({ extra_parameters }));
  await clock.advance(20 * SECOND);
});
afterEach(() => bed.service.close());

const job = async () => (await bed.service.request('/train/job-1')).body;
async function report(body: object, jobId = 'job-1') {
  const answer = bed.report(jobId, { attempt: 1, ...body });
  let isAnswered = false;
  void answer.finally(() => {
    isAnswered = true;
  });
  while (!isAnswered) await clock.advance(100);
  return answer;
}

const SAID = "Namespace(db='Kd93ksl0Kd93', db_password='hunter2-pass99', lr='0.1-and-more')";
const SHOWN = "Namespace(db='[redacted]', db_password='[redacted]', lr='0.1-and-more')";

test('values of the operator and words of the command line are masked in logs', async () => {
  log = [{ ...line, text: SAID }, { end: 'LOG_READ' }];
  const { text } = await bed.service.request('/train/job-1/logs');
  expect(text.split('\n')[0]).toBe(SHOWN);
});

test('so are they in what a training reports, and in the kept end of its log', async () => {
  await report({ warnings: [SAID], log_tail: SAID });
  await clock.advance(6 * SECOND);
  expect((await job()).metadata.warnings).toContain(SHOWN);
  await report({ attempt: 2 });
  await clock.advance(12 * SECOND);
  const kept = await bed.platform.store.readAttachment(bed.readRecord('job-1'), 'log-tails');
  expect(parseLogTails(kept)).toMatchObject([{ attempt: 1, text: SHOWN }]);
});

test('no line is shown as long as a value that must not be in it cannot be read', async () => {
  log = [{ ...line, text: SAID }, { end: 'LOG_READ' }];
  shared = undefined;
  const refused = await bed.service.request('/train/job-1/logs');
  expect([refused.status, refused.body.code]).toEqual([503, 'CLUSTER_UNAVAILABLE']);
  expect(refused.text).not.toContain('Namespace');
});

test('what is reported meanwhile is kept once it can be read', async () => {
  shared = undefined;
  expect((await report({ phase: 'evaluating', log_tail: SAID })).status).toBe(200);
  expect((await report({ attempt: 2, phase: 'saving' })).status).toBe(200);
  await clock.advance(60 * SECOND);
  expect(await job()).toMatchObject({ phase: 'training' });
  shared = ['Kd93ksl0Kd93'];
  for (let minute = 0; minute < 5; minute += 1) {
    await report({ attempt: 2 });
    await clock.advance(MINUTE);
  }
  expect(await job()).toMatchObject({ phase: 'saving' });
  const kept = await bed.platform.store.readAttachment(bed.readRecord('job-1'), 'log-tails');
  expect(parseLogTails(kept)).toMatchObject([{ attempt: 1, text: SHOWN }]);
});

test('what may not be read is asked for ever less, and a result waits for no such pause', async () => {
  shared = undefined;
  await report({ phase: 'saving' });
  await clock.advance(10 * MINUTE);
  reads = 0;
  for (let minute = 0; minute < 60; minute += 1) {
    await report({ phase: minute % 2 === 0 ? 'evaluating' : 'saving' });
    await clock.advance(MINUTE);
  }
  // Every 150 to 300 s.
  expect(reads).toBeGreaterThanOrEqual(12);
  expect(reads).toBeLessThanOrEqual(25);
  shared = [];
  const sentAtMs = clock.now();
  expect((await report({ result: { method: 'lora' } })).status).toBe(200);
  expect(clock.now() - sentAtMs).toBeLessThanOrEqual(SECOND);
  expect((await job()).result).toMatchObject({ method: 'lora' });
});

test('a result that is not kept is not answered as if it were', async () => {
  shared = undefined;
  const result = { method: 'lora', engine: 'trl' };
  const refused = await report({ result });
  expect([refused.status, refused.body.code]).toEqual([503, 'CLUSTER_UNAVAILABLE']);
  expect((await job()).result).toBeNull();
  shared = [];
  expect((await report({ result })).status).toBe(200);
  expect((await job()).result).toMatchObject(result);
});

test('a checkpoint and the model stay whose place, known from the request, has such a value', async () => {
  shared = ['bucket/results', 'Kd93ksl0Kd93'];
  const [good, bad] = ['checkpoint-1', 'Kd93ksl0Kd93'].map((name, step) => ({
    step,
    uri: `s3://bucket/results/job-1/${name}`,
  }));
  await report({ checkpoints: [good, bad], result: { engine: 's3://bucket/results' } });
  await report({ checkpoints: [good, bad, { step: 2, uri: 's3://elsewhere/x' }] });
  await clock.advance(12 * SECOND);
  expect(await job()).toMatchObject({
    checkpoints: [{ uri: good?.uri }],
    result: { model_uri: 's3://bucket/results/job-1/model', engine: 's3://[redacted]' },
  });
  const told = logged.filter(({ msg }) => msg === 'reported checkpoint is not kept');
  expect(told).toMatchObject([{ job_id: 'job-1', why: ['holds a credential'] }]);
});

test('neither shows a credential of the job in that place', async () => {
  const token = 'hf_0123456789';
  const request = makeRequest({
    job_id: 'job-2',
    base_model: { provider: 'huggingface', model_name: 'o/m', huggingface_token: token },
    artifacts: { log_uri: 's3://b/l', output_uri: `s3://b/${token}/out` },
    extra_parameters: { mock: { submitted_seconds: 0, outcome: 'never' } },
  });
  expect((await bed.service.post('/train', request)).status).toBe(200);
  await clock.advance(20 * SECOND);
  const checkpoints = [{ step: 1, uri: `s3://b/${token}/out/job-2/checkpoint-1` }];
  await report({ checkpoints, result: { method: 'lora' } }, 'job-2');
  const { body, text } = await bed.service.request('/train/job-2');
  expect(body.result.model_uri).toBe('[redacted]/job-2/model');
  expect(text).not.toContain(token);
});

test('the end of a log that waits is not kept once the credentials in it are gone', async () => {
  await report({ log_tail: SAID });
  await report({ attempt: 2 });
  const purged = await bed.platform.store.purgeCredentials(bed.readRecord('job-1'));
  expect(purged?.areCredentialsGone).toBe(true);
  await clock.advance(60 * SECOND);
  const kept = await bed.platform.store.readAttachment(bed.readRecord('job-1'), 'log-tails');
  expect(parseLogTails(kept)).toEqual([]);
});
