import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SERVICE = 'services/mistral-api';

let page: string;
/** A workspace with nothing in it but what the page adds and what that needs. */
let workspace: string;
let child: ChildProcess | undefined;

beforeAll(async () => {
  page = await readFile(join(ROOT, 'docs/EXTENDING.md'), 'utf8');
  workspace = await mkdtemp(join(tmpdir(), 'extending-'));
  for (const [, path = '', text = ''] of page.matchAll(/^`([^`]+)`:\n\n```\w+\n([\s\S]*?)^```/gm)) {
    await mkdir(dirname(join(workspace, path)), { recursive: true });
    await writeFile(join(workspace, path), text);
  }
  // What `pnpm install` links.
  await mkdir(join(workspace, SERVICE, 'node_modules/@trainer'), { recursive: true });
  const common = join(workspace, SERVICE, 'node_modules/@trainer/common');
  await symlink(join(ROOT, 'packages/common'), common);
  await mkdir(join(workspace, 'node_modules'));
  await symlink(join(ROOT, 'node_modules/@types'), join(workspace, 'node_modules/@types'));
});
afterAll(async () => {
  child?.kill('SIGKILL');
  await rm(workspace, { recursive: true });
});

it('shows three files, and no more, for a new backend', async () => {
  const files = await readdir(join(workspace, SERVICE, 'src'));
  expect(files.sort()).toEqual(['backend.ts', 'server.ts']);
  const shown = JSON.parse(await readFile(join(workspace, SERVICE, 'package.json'), 'utf8'));
  const other = JSON.parse(await readFile(join(ROOT, 'services/nemo-api/package.json'), 'utf8'));
  expect(shown).toEqual({ ...other, name: '@trainer/mistral-api' });
});

it('shows code that the type checker accepts', async () => {
  const config = { extends: join(ROOT, 'tsconfig.base.json'), include: ['services'] };
  await writeFile(join(workspace, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const { stdout, status } = spawnSync(process.execPath, [tsc, '-p', workspace]);
  expect([String(stdout), status]).toEqual(['', 0]);
}, 120_000);

it('shows a service that starts, takes the request of the page and ends', async () => {
  child = spawn(process.execPath, [join(workspace, SERVICE, 'src/server.ts')], {
    env: { PATH: process.env.PATH, PORT: '0', TRAINER_MOCK_SUBMITTED_SECONDS: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const url = await readUrl(child);
  const request = JSON.parse(/-d '(\{[\s\S]*?\})'/.exec(page)?.[1] ?? '');
  const post = async (changes: object) => {
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ ...request, ...changes });
    const response = await fetch(`${url}/train`, { method: 'POST', headers, body });
    // biome-ignore lint/suspicious/noExplicitAny: what it holds is what the test is about.
    return { status: response.status, body: (await response.json()) as any };
  };

  const accepted = await post({});
  expect(accepted).toMatchObject({ status: 200, body: { status: 'submitted' } });
  const { backend, job_spec } = accepted.body.metadata;
  expect([backend, job_spec.runtime_ref.name]).toEqual(['mistral', 'mistral-runtime']);
  expect(job_spec.env_names).toContain('MISTRAL_GPUS');

  const refused = await post({
    job_id: 'refused',
    base_model: { provider: 'meta', model_name: 'm' },
    customization: { method: 'full' },
    tuning_parameters: { max_sequence_length: 100_000 },
  });
  expect(refused.status).toBe(400);
  expect(refused.body.errors.map(({ path }: { path: string }) => path)).toEqual([
    'base_model.provider',
    'resources.gpus',
    'tuning_parameters.max_sequence_length',
  ]);

  child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});

it('shows manifests that hold nothing of the service they were copied from', async () => {
  await cp(join(ROOT, 'services/nemo-api/k8s'), join(workspace, 'services/nemo-api/k8s'), {
    recursive: true,
  });
  const script = /^cp -R [\s\S]*?(?=^```)/m.exec(page)?.[0] ?? '';
  execFileSync('sh', ['-eu', '-c', script], { cwd: workspace });
  const folder = join(workspace, SERVICE, 'k8s');
  expect(await readdir(folder)).toEqual(await readdir(join(ROOT, 'services/nemo-api/k8s')));
  const texts = await Promise.all(
    (await readdir(folder)).map((file) => readFile(join(folder, file), 'utf8')),
  );
  expect(texts.join()).toContain('8084');
  expect(texts.join()).not.toMatch(/nemo|8081/);
});

it('adds lines like those that are there for the other services', async () => {
  const lines = ['scripts/start-services.mjs', 'k8s/base/Kustomization'].map(async (file) => {
    const [, line = ''] = new RegExp(`\`${file}\`[^]*?\`\`\`\\w+\\n(.*)\\n`).exec(page) ?? [];
    expect(line).toContain('mistral');
    const like = line.replaceAll('mistral', 'nemo').replaceAll('8084', '8081');
    expect((await readFile(join(ROOT, file), 'utf8')).split('\n')).toContain(like);
  });
  await Promise.all(lines);
});

it('names files and functions that exist', async () => {
  const read = (path: string) => readFile(join(ROOT, 'packages/common', path), 'utf8');
  expect(await read('src/service/create-platform.ts')).toContain('PLATFORMS');
  expect(await read('src/config.ts')).toContain('TRAINER_JOB_RUNNER');
  expect(await read('test/job-runner-contract.ts')).toContain('export function describeJobRunner');
  expect(await read('test/job-store-contract.ts')).toContain('export function describeJobStore');
});

async function readUrl({ stdout }: ChildProcess): Promise<string> {
  if (stdout === null) throw new Error('No standard output.');
  for await (const line of createInterface({ input: stdout })) {
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
    if (url !== undefined) {
      stdout.resume();
      return url;
    }
  }
  throw new Error('The service ended before it listened.');
}
