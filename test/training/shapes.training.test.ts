import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startTestService, type TestService } from '@trainer/common/testing';
import { services } from '@trainer/services';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { moveTo, SHAPES } from './shapes.ts';

const RUNTIME = fileURLToPath(new URL('../../runtime', import.meta.url));
const POLL_MS = 250;

let folder: string;
let python: string;
let model: string;
let rows: Record<string, string>;
let service: TestService | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'training-'));
  const root = join(folder, 'training');
  await mkdir(root);
  // The package is this work tree's, whichever the environment was made by.
  python = join(folder, 'python');
  const own = process.env.TRAINER_LOCAL_PYTHON ?? 'python3';
  await writeFile(python, `#!/bin/sh\nPYTHONPATH='${RUNTIME}' exec '${own}' "$@"\n`);
  await chmod(python, 0o755);
  model = join(root, 'model');
  const parquet = join(root, 'rows.parquet');
  const jsonl = join(model, 'rows.jsonl');
  execFileSync(python, [join(RUNTIME, 'tests/tiny_model.py'), model], { stdio: 'ignore' });
  const convert = `import pyarrow.json, pyarrow.parquet, sys
pyarrow.parquet.write_table(pyarrow.json.read_json(sys.argv[1]), sys.argv[2])`;
  execFileSync(python, ['-c', convert, jsonl, parquet]);
  rows = { jsonl, parquet };
});
afterEach(async () => {
  await service?.close();
  service = undefined;
});
afterAll(() => rm(folder, { recursive: true }));

async function start(name: string): Promise<TestService> {
  const backend = services.find((candidate) => candidate.name === name)?.backend;
  if (backend === undefined) throw new Error(`there is no service ${name}`);
  service = await startTestService({
    backend,
    env: {
      TRAINER_JOB_RUNNER: 'local',
      TRAINER_LOCAL_DEVICE: 'cpu',
      TRAINER_LOCAL_CORES: '1',
      TRAINER_LOCAL_STATE_DIR: join(folder, 'state'),
      TRAINER_LOCAL_ROOTS: join(folder, 'training'),
      TRAINER_LOCAL_PYTHON: python,
    },
  });
  return service;
}

async function runToEnd({ post, request }: TestService, body: { job_id: string }) {
  let answer = await post('/train', body);
  expect(answer.body).toMatchObject({ status: 'submitted' });
  while (!['succeeded', 'failed', 'cancelled'].includes(answer.body.status)) {
    // Asked more often, the service would take the core that trains.
    await setTimeout(POLL_MS);
    answer = await request(`/train/${body.job_id}`);
  }
  return answer.body;
}

test.each(SHAPES)('$name trains on a machine without a GPU', async ({ service: name, body }) => {
  const moved = moveTo(body, { model, rows, folder: join(folder, 'training') });
  const end = await runToEnd(await start(name), moved);

  expect(end).toMatchObject({ status: 'succeeded', reason: 'COMPLETED' });
  const result = join(folder, 'training', 'results', body.job_id);
  expect(existsSync(join(result, 'COMPLETE.json'))).toBe(true);
  const { plan, summary } = JSON.parse(readFileSync(join(result, 'run.json'), 'utf8'));
  expect(plan.method).toBe(body.customization.method);
  expect(summary.last_loss).toBeGreaterThan(0);
});

test.each(SHAPES)(
  '$name, unchanged, ends with one clear reason',
  async ({ service: name, body }) => {
    const end = await runToEnd(await start(name), { ...body, job_id: `${body.job_id}-unchanged` });

    // The place for the results is what a training claims first.
    expect(end).toMatchObject({ status: 'failed', reason: 'UPLOAD_FAILED' });
    expect(end.detail).toMatch(
      / (s3:\/\/example-bucket\/|the role arn:aws:iam::123:role\/FineTune )/,
    );
  },
);
