import { readFileSync } from 'node:fs';
import { FakeClock, startTestService } from '@trainer/common/testing';
import { findService } from '@trainer/services';
import { expect, test } from 'vitest';

const page = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const [request, accepted, ended] = [...page.matchAll(/```json\n([^`]*)```/g)].map(([, text = '']) =>
  JSON.parse(text),
);

const withoutTimes = (times: object) =>
  Object.fromEntries(
    Object.entries(times).map(([name, value]) => {
      return [name, name.endsWith('_at') && value !== null ? 'time' : value];
    }),
  );
/** Without what differs from run to run: the times, and the TrainJob that the page leaves out. */
const toShape = (answer: typeof ended) => ({
  ...answer,
  timestamps: withoutTimes(answer.timestamps),
  phases: answer.phases.map(withoutTimes),
  metadata: { ...answer.metadata, job_spec: Object.keys(answer.metadata).includes('job_spec') },
});

test('the README shows what the service answers to its request', async () => {
  const clock = new FakeClock();
  const { backend } = findService('hf-unsloth');
  await using service = await startTestService({ backend, clock });

  const posted = await service.post('/train', request);
  expect(toShape(posted.body)).toEqual(toShape(accepted));

  for (const seconds of [2, 6]) await clock.advance(seconds * 1000);
  const got = await service.getUntil(request.job_id, ({ status }) => status === ended.status);
  expect(toShape(got.body)).toEqual(toShape(ended));
});
