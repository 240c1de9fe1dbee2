import { expect, test } from 'vitest';
import { toColumns, toTable } from './table.ts';

const JOB = {
  job_id: 'job-1',
  backend_job_id: 'meta-job-1',
  status: 'succeeded',
  reason: 'COMPLETED',
  detail: 'Training completed',
  progress: null,
  phase: null,
  checkpoints: [{ step: 120, uri: 's3://b/out/job-1/checkpoints/checkpoint-120', saved_at: null }],
  result: {
    model_uri: 's3://b/out/job-1/model',
    engine: 'trl',
    rows: 100,
    eval_loss: 0.412345,
    comparison: { rows: 8, rows_kind: 'held-out', base_loss: 2, tuned_loss: 1.23456 },
  },
  timestamps: { created_at: null, updated_at: null, started_at: null, ended_at: null },
  dashboard_url: null,
  metadata: { backend: 'meta', warnings: [], job_spec: {} },
} as const;

test('a job is told with its model, what came of it, and its newest checkpoint', () => {
  expect(toTable(JOB as never)).toBe(
    [
      'Job         job-1',
      'Status      succeeded (COMPLETED)',
      'Detail      Training completed',
      'Model       s3://b/out/job-1/model',
      'Result      trl, 100 rows, eval_loss 0.4123',
      'Comparison  loss 1.235 tuned, 2 base',
      'Checkpoint  step 120: s3://b/out/job-1/checkpoints/checkpoint-120',
      'TrainJob    meta-job-1',
      '',
    ].join('\n'),
  );
});

test('a job that runs is told with its phase, and one of an earlier service without', () => {
  const running = { ...JOB, status: 'running', phase: 'saving', result: null, checkpoints: [] };
  expect(toTable(running as never)).toContain('Phase     saving\n');
  const { phase: _phase, checkpoints: _checkpoints, result: _result, ...earlier } = JOB;
  expect(toTable(earlier as never)).toContain('Status    succeeded');
});

test('the last columns are left out where the terminal is too narrow for them', () => {
  const rows = [
    ['JOB', 'STATUS', 'MODEL'],
    ['a', 'running', 'llama'],
  ];
  const head = (width: number | undefined, atLeast = 1) =>
    toColumns(rows, { width, atLeast })[0]?.split(/ +/);
  expect(head(undefined)).toEqual(['JOB', 'STATUS', 'MODEL']);
  expect(head(19)).toEqual(['JOB', 'STATUS', 'MODEL']);
  expect(head(18)).toEqual(['JOB', 'STATUS']);
  expect(head(12)).toEqual(['JOB', 'STATUS']);
  expect(head(11)).toEqual(['JOB']);
  expect(head(1, 2)).toEqual(['JOB', 'STATUS']);
});
