import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type TrainingResponse, TrainingResponseSchema } from '../../requests/training-response.ts';
import { writeSummary, writeTrainingText } from './training-text.ts';

const time = fc.option(
  fc
    .date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) })
    .map((d) => d.toISOString()),
);
const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (n === 0 ? 0 : n));
const answers: fc.Arbitrary<TrainingResponse> = fc.record({
  job_id: fc.string(),
  backend_job_id: fc.string(),
  status: fc.constantFrom('submitted', 'running', 'succeeded', 'failed', 'cancelled'),
  reason: fc.string(),
  detail: fc.string({ unit: 'binary' }),
  revision: fc.nat(),
  progress: fc.option(
    fc.record({
      percentage: fc.option(fc.nat(100)),
      estimated_remaining_seconds: fc.option(fc.nat()),
      metrics: fc.dictionary(fc.stringMatching(/^[a-z]+$/), number),
    }),
  ),
  phase: fc.constantFrom('queued', 'training', null),
  phases: fc.array(
    fc.record({
      phase: fc.constantFrom('queued', 'training'),
      owner: fc.constantFrom('queue', 'training'),
      started_at: time.map((text) => text ?? '2026-01-01T00:00:00.000Z'),
      ended_at: time,
      message: fc.string(),
    }),
  ),
  checkpoints: fc.array(fc.record({ step: fc.nat(), uri: fc.string(), saved_at: time })),
  result: fc.option(fc.record({ model_uri: fc.string(), rows: fc.nat(), files: fc.jsonValue() })),
  rerun_of: fc.option(fc.string()),
  reruns: fc.array(fc.string()),
  timestamps: fc.record({ created_at: time, updated_at: time, started_at: time, ended_at: time }),
  dashboard_url: fc.option(fc.webUrl()),
  links: fc.option(fc.record({ events: fc.webUrl(), logs: fc.webUrl(), metrics: fc.webUrl() }), {
    nil: undefined,
  }),
  stale_since: fc.option(time, { nil: undefined }),
  metadata: fc.record({
    backend: fc.string(),
    warnings: fc.array(fc.string()),
    job_spec: fc.dictionary(fc.stringMatching(/^[a-z]+$/), fc.jsonValue()),
  }),
});
const write = ({ metadata, phases, progress, ...summary }: TrainingResponse) =>
  writeTrainingText({
    ...writeSummary({ ...summary, phases: JSON.stringify(phases) }),
    progress,
    metadata: JSON.stringify(metadata),
  });

test('the text is the JSON of the answer, whatever it holds', () => {
  fc.assert(
    fc.property(answers, (answer) => {
      const { metadata, ...summary } = answer;
      const plain = JSON.parse(JSON.stringify({ ...summary, metadata }));
      expect(JSON.parse(write(answer))).toEqual(plain);
      expect(TrainingResponseSchema.parse(plain)).toEqual(plain);
    }),
  );
});

const [example] = fc.sample(answers, { seed: 1, numRuns: 1 }) as [TrainingResponse];

test('it has the fields of the schema, in their order', () => {
  const whole = { ...example, stale_since: null };
  expect(Object.keys(JSON.parse(write(whole)))).toEqual(Object.keys(TrainingResponseSchema.shape));
});

test('what the schema does not have is left out, and what breaks it is not sent', () => {
  expect(JSON.parse(write({ ...example, token: 'x' } as never))).not.toHaveProperty('token');
  expect(() => write({ ...example, status: 'queued' } as never)).toThrow();
});
