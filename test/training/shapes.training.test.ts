import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { moveTo, SHAPES } from './shapes.ts';
import { runToEnd, TrainingBed } from './training-bed.ts';

let bed: TrainingBed;
beforeAll(async () => {
  bed = await TrainingBed.create();
});
afterEach(() => bed.stop());
afterAll(() => bed.close());

test.each(SHAPES)('$name trains on a machine without a GPU', async ({ service: name, body }) => {
  const moved = moveTo(body, { model: bed.model, rows: bed.rows, folder: bed.root });
  const end = await runToEnd(await bed.start(name), moved);

  expect(end).toMatchObject({ status: 'succeeded', reason: 'COMPLETED' });
  const result = join(bed.root, 'results', body.job_id);
  expect(existsSync(join(result, 'COMPLETE.json'))).toBe(true);
  const { plan, summary } = JSON.parse(readFileSync(join(result, 'run.json'), 'utf8'));
  expect(plan.method).toBe(body.customization.method);
  expect(summary.last_loss).toBeGreaterThan(0);
});

test.each(SHAPES)(
  '$name, unchanged, ends with one clear reason',
  async ({ service: name, body }) => {
    const end = await runToEnd(await bed.start(name), {
      ...body,
      job_id: `${body.job_id}-unchanged`,
    });

    // The place for the results is what a training claims first.
    expect(end).toMatchObject({ status: 'failed', reason: 'UPLOAD_FAILED' });
    expect(end.detail).toMatch(
      / (s3:\/\/example-bucket\/|the role arn:aws:iam::123:role\/FineTune )/,
    );
  },
);
