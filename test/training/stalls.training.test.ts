import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { moveTo, SHAPES } from './shapes.ts';
import { runToEnd, TrainingBed } from './training-bed.ts';

let bed: TrainingBed;
beforeAll(async () => {
  bed = await TrainingBed.create();
});
afterAll(() => bed.close());

/** What the trainings of the bed have logged. */
function readLogs(): string {
  const names = readdirSync(bed.stateFolder, { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => /(^|\/)log(\.\d+)?$/.test(name))
    .map((name) => readFileSync(join(bed.stateFolder, name), 'utf8'))
    .join('\n');
}

test('a step that holds the interpreter is found, asked where it is, and goes on', async () => {
  const service = await bed.start('hf-unsloth', {
    // Reports come every five or six seconds.
    env: { TRAINER_STALLED_AFTER_SECONDS: '8' },
    fault: 'hold-gil:3:25',
  });
  const { body } = SHAPES.find(({ service: name }) => name === 'hf-unsloth') ?? {};
  const moved = moveTo(body, { model: bed.model, rows: bed.rows, folder: bed.root });
  const end = await runToEnd(service, {
    ...moved,
    job_id: 'stalls',
    customization: { method: 'lora', precision: 'fp32' },
  });
  expect(end).toMatchObject({ status: 'succeeded' });
  const { data } = (await service.request('/train/stalls/events')).body;
  const phases = (data as { type: string; data: { phase: string; owner?: string } }[])
    .filter(({ type }) => type === 'job.phase')
    .map(({ data: { phase, owner } }) => [phase, owner ?? null]);
  expect(phases).toContainEqual(['stalled', 'no step']);
  const after = phases.slice(phases.findIndex(([phase]) => phase === 'stalled') + 1);
  expect(after.map(([phase]) => phase)).toContain('uploading');
  const log = readLogs();
  expect(log).toContain('most recent call first');
  // Where it hangs.
  expect(log).toContain('sitecustomize.py');
});
