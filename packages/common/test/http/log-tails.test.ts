import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LogItem } from '../../src/jobs/log-line.ts';
import { parseLogTails } from '../../src/jobs/log-tails.ts';
import { FakeClock } from '../fake-clock.ts';
import { type ReportBed, startReportBed } from '../report-bed.ts';
import { makeRequest } from '../start-test-service.ts';

const SECRET = 'hf_a-secret-of-this-job';
let clock: FakeClock;
let bed: ReportBed;
/** What is left of the log itself. */
let left: LogItem[];

beforeEach(async () => {
  clock = new FakeClock();
  left = [{ end: 'LOG_READ' }];
  bed = await startReportBed({
    clock,
    decorate: {
      platform: (made) => {
        made.runner.readLogs = async () =>
          (async function* () {
            yield* left;
          })();
        return made;
      },
      webhookClient: (client) => client,
    },
  });
});
afterEach(() => bed.service.close());

async function submit(mock: object) {
  const base_model = { provider: 'meta', model_name: 'a/b', huggingface_token: SECRET };
  await bed.service.post('/train', makeRequest({ base_model, extra_parameters: { mock } }));
  await clock.advance(100);
}
async function report(attempt: number, log_tail?: string) {
  await clock.advance(1000);
  const answer = await bed.report('job-1', { attempt, started_at: attempt, log_tail });
  expect(answer.status).toBe(200);
  await clock.advance(6000);
}
const readKept = async () =>
  parseLogTails(await bed.platform.store.readAttachment(bed.readRecord('job-1'), 'log-tails'));
const read = async (query: string) =>
  (
    await bed.service.request(`/train/job-1/logs${query}`, {
      headers: { accept: 'application/x-ndjson' },
    })
  ).text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
const wordsOf = (items: { line?: string; reason?: string }[]) =>
  items.map(({ line, reason }) => line ?? reason);

test('the end of a run that another has followed is kept, masked, and shown as such', async () => {
  await submit({ submitted_seconds: 0, outcome: 'never' });
  await report(1, 'step 1\n');
  expect(await readKept()).toEqual([]);
  await report(1, `Traceback\ntoken=${SECRET}\n`);
  await report(2, 'again\n');
  expect(await readKept()).toMatchObject([{ attempt: 1, text: 'Traceback\ntoken=[redacted]\n' }]);
  const items = await read('?attempt=1&follow=true');
  expect(wordsOf(items)).toEqual(['Traceback', 'token=[redacted]', 'POD_GONE']);
  expect(items[0]).toMatchObject({ attempt: 1, node: 0, tail: true, cursor: null, time: null });
  expect(items.at(-1)).toMatchObject({ archive: 's3://bucket/logs/job-1' });
  expect(wordsOf(await read('?attempt=2'))).toEqual(['LOG_READ']);
  expect(wordsOf(await read(''))).toEqual(['LOG_READ']);
});

test('what crashed is shown by its kept end once its container is gone', async () => {
  await submit({ submitted_seconds: 0, outcome: 'never' });
  expect(wordsOf(await read('?previous=true'))).toEqual(['LOG_READ']);
  await report(1, 'first crash\n');
  await report(2, `second crash, token=${SECRET}\n`);
  await report(3, 'runs\n');
  const items = await read('?previous=true');
  expect(wordsOf(items)).toEqual(['second crash, token=[redacted]', 'POD_GONE']);
  expect(items[0]).toMatchObject({ attempt: 2, tail: true });
  expect(wordsOf(await read('?previous=true&attempt=1'))).toEqual(['first crash', 'POD_GONE']);
  expect(wordsOf(await read('?previous=true&node=1'))).toEqual(['LOG_READ']);
  const line = { node: 0, attempt: 2, time: undefined, isPartial: false, position: '1' };
  left = [{ ...line, text: 'all of it' }, { end: 'LOG_READ' }];
  expect(wordsOf(await read('?previous=true'))).toEqual(['all of it', 'LOG_READ']);
});

test('the log itself comes first, as long as it is there', async () => {
  await submit({ submitted_seconds: 0, outcome: 'never' });
  await report(1, 'the end\n');
  await report(2);
  const line = { node: 0, attempt: 1, time: undefined, isPartial: false, position: '1' };
  left = [{ ...line, text: 'all of it' }, { end: 'LOG_READ' }];
  expect(wordsOf(await read('?attempt=1'))).toEqual(['all of it', 'LOG_READ']);
});

test('the end of a run that failed is kept, and outlives the credentials', async () => {
  await submit({ submitted_seconds: 0, running_seconds: 60, outcome: 'failed' });
  await report(1, `token=${SECRET}, and so on`);
  await clock.advance(60_000);
  expect(await readKept()).toMatchObject([{ attempt: 1, text: 'token=[redacted], and so on' }]);
  await clock.advance(2 * 86_400_000);
  expect(bed.readRecord('job-1').areCredentialsGone).toBe(true);
  expect(wordsOf(await read('?attempt=1'))).toEqual([
    'token=[redacted], and so on',
    'CREDENTIALS_GONE',
  ]);
  expect(wordsOf(await read(''))).toEqual(['CREDENTIALS_GONE']);
});

test('of a run that succeeded nothing is kept', async () => {
  await submit({ submitted_seconds: 0, running_seconds: 60 });
  await report(1, 'done\n');
  await clock.advance(120_000);
  expect(bed.readRecord('job-1').state.status).toBe('succeeded');
  expect(await readKept()).toEqual([]);
});

test('a replica that got the end of a run learns from the record that another has begun', async () => {
  await submit({ submitted_seconds: 0, outcome: 'never' });
  await report(1, 'the end\n');
  const { store } = bed.platform;
  const record = bed.readRecord('job-1');
  const reported = { attempt: 2, runStartedAt: 2, phase: undefined, checkpoints: [], warnings: [] };
  await store.update(record, { reported });
  await clock.advance(6000);
  expect(await readKept()).toMatchObject([{ attempt: 1, text: 'the end\n' }]);
});
