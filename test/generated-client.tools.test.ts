import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startTestService } from '@trainer/common/testing';
import { findService } from '@trainer/services';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runNpx } from './run-npx.ts';

const REPOSITORY = dirname(dirname(fileURLToPath(import.meta.url)));
const TSC = join(REPOSITORY, 'node_modules/typescript/bin/tsc');

/** Inside the repository, so that openapi-fetch is found from there. */
let folder: string;

beforeAll(async () => {
  await mkdir(join(REPOSITORY, 'dist'), { recursive: true });
  folder = await mkdtemp(join(REPOSITORY, 'dist/generated-client-'));
  const { code, stderr } = await runNpx(
    ['openapi-typescript@7.13.0', 'typescript@5.9.3'],
    [
      ...['openapi-typescript', 'docs/openapi.json', '--output', join(folder, 'api.ts')],
      // Otherwise a field that has a default must be given, in requests too.
      '--default-non-nullable=false',
    ],
  );
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  await cp(new URL('generated-client/program.ts', import.meta.url), join(folder, 'program.ts'));
  const options = { extends: '../../tsconfig.base.json', include: ['*.ts'], exclude: [] };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(options));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

it('compiles', async () => {
  const run = promisify(execFile)(process.execPath, [TSC, '--noEmit', '--project', folder]);
  expect(await run.catch((error) => error)).toMatchObject({ stdout: '', stderr: '' });
});

it('submits, reads and cancels a job, and gets problems as they are described', async () => {
  await using service = await startTestService({
    backend: findService('meta').backend,
    env: { TRAINER_API_TOKEN: 'right', TRAINER_MOCK_RUNNING_SECONDS: '3600' },
  });
  const { stdout } = await promisify(execFile)(process.execPath, [join(folder, 'program.ts')], {
    env: { ...process.env, TRAINER_URL: service.url, TRAINER_API_TOKEN: 'right' },
  });
  expect(JSON.parse(stdout)).toEqual({
    health: 'ok',
    submitted: 'submitted',
    location: '/train/generated-1',
    read: 'generated-1',
    refused: { status: 400, code: 'INVALID_REQUEST', paths: ['resources.gpus'] },
    cancelled: 'cancelled',
    deliveries: 'none',
    unknown: 'JOB_NOT_FOUND',
  });
});
