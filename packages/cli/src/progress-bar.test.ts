import type { Job } from '@trainer/client';
import { expect, it } from 'vitest';
import { createProgressBar } from './progress-bar.ts';

const job = {
  job_id: 'job-1',
  status: 'running',
  detail: 'Training is running',
  progress: { percentage: 50, estimated_remaining_seconds: 5400, metrics: { loss: 0.734567 } },
} as unknown as Job;

function draw(seen: Job, isTTY: boolean): string {
  let written = '';
  const write = (text: string) => {
    written += text;
  };
  const bar = createProgressBar({ write, isTTY, columns: 120 });
  bar.show(seen);
  bar.end();
  bar.end();
  return written;
}

it('draws how far a job is, and clears the line at the end', () => {
  const clear = '\r\u001b[2K';
  const line = '[############............]  running: 50%, 1 h 30 min left, loss 0.7346';
  expect(draw(job, true)).toBe(clear + line + clear);
});

it('prints a line elsewhere, and the detail where there is no progress', () => {
  expect(draw(job, false)).toBe('running: 50%, 1 h 30 min left, loss 0.7346\n');
  expect(draw({ ...job, progress: null }, false)).toBe('running: Training is running\n');
});

it('tells the phase of a job that runs and does not train', () => {
  const line = (phase: Job['phase']) => draw({ ...job, phase }, false).split(',')[0];
  expect(line('stalled')).toBe('running (stalled): 50%');
  expect(line('training')).toBe('running: 50%');
});

it('bears progress that makes no sense, and obeys nobody', () => {
  const odd = { ...job, detail: 'a\u001b[2J\nb', progress: { percentage: 900 } } as unknown as Job;
  expect(draw(odd, true)).toContain(`[${'#'.repeat(24)}]`);
  expect(draw({ ...odd, progress: null }, false)).toBe('running: a�[2J b\n');
});
