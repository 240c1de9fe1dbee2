import { execFile } from 'node:child_process';
import { appendFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findFreePort } from '@trainer/common/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { findImportViolations } from '../scripts/find-import-violations.ts';
import { levels } from '../scripts/layers.ts';
import { makeCleanCopy } from './clean-copy.ts';
import { NpmRun } from './npm-run.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SERVICE = 'services/mistral-api';

let page: string;
/** The repository after someone has followed the page. */
let copy: Awaited<ReturnType<typeof makeCleanCopy>>;
let run: NpmRun | undefined;

const inCopy = (path: string) => join(copy.folder, path);
const read = (path: string) => readFile(inCopy(path), 'utf8');
/** Standard output of a program in the copy, with the Node of this process. */
const node = async (...args: string[]) =>
  (await promisify(execFile)(process.execPath, args, { cwd: copy.folder })).stdout;

beforeAll(async () => {
  page = await readFile(join(ROOT, 'docs/EXTENDING.md'), 'utf8');
  copy = await makeCleanCopy();
  for (const [, path = '', text = ''] of page.matchAll(/^`([^`]+)`:\n\n```\w+\n([\s\S]*?)^```/gm)) {
    await mkdir(dirname(inCopy(path)), { recursive: true });
    await writeFile(inCopy(path), text);
  }
  const [, line = ''] = /`services\/registry\.ts`:\n\n```ts\n(.*\n)```/.exec(page) ?? [];
  await appendFile(inCopy('services/registry.ts'), line);
  const [script = ''] = /^npx -y pnpm[\s\S]*?(?=^```)/m.exec(page) ?? [];
  // A developer's machine says nothing of CI, where pnpm would change no lockfile.
  const { CI: _, ...env } = process.env;
  await promisify(execFile)('sh', ['-eu', '-c', script], { cwd: copy.folder, env });
}, 300_000);
afterAll(async () => {
  run?.kill();
  await run?.ended;
  await copy[Symbol.asyncDispose]();
});

it('shows one folder of four files, and one line', async () => {
  const shown = [...page.matchAll(/^`(services\/[^`]+)`:\n\n```/gm)].map(([, path]) => path);
  expect(shown).toEqual([
    `${SERVICE}/package.json`,
    `${SERVICE}/src/backend.ts`,
    `${SERVICE}/src/server.ts`,
    `${SERVICE}/example.json`,
  ]);
  const registry = await readFile(join(ROOT, 'services/registry.ts'), 'utf8');
  expect((await read('services/registry.ts')).slice(registry.length).trim().split('\n')).toEqual([
    "export { MistralBackend } from './mistral-api/src/backend.ts';",
  ]);
  const manifest = JSON.parse(await read(`${SERVICE}/package.json`));
  const other = JSON.parse(await read('services/nemo-api/package.json'));
  expect(manifest).toEqual({ ...other, name: '@trainer/mistral-api' });
});

it('leaves types and imports faultless', async () => {
  expect(await node('node_modules/typescript/bin/tsc', '--noEmit')).toBe('');
  const violations = await findImportViolations(copy.folder, levels);
  expect(violations.filter((violation) => violation.includes('mistral'))).toEqual([]);
}, 120_000);

it('is known to npm start, which runs it and shows its example', async () => {
  const listed = JSON.parse(await node('scripts/list-services.ts'));
  expect(listed).toHaveLength(4);
  expect(listed.at(-1)).toEqual({ name: 'mistral', folder: 'mistral-api', port: 8084 });

  const PORT = await findFreePort();
  run = new NpmRun(['start', '--', 'mistral'], {
    ...{ cwd: copy.folder, env: { PORT, TRAINER_MOCK_SUBMITTED_SECONDS: '0' } },
  });
  await run.untilStdoutHas('Ctrl-C stops.');
  expect(run.stdout).toContain(`--data @${SERVICE}/example.json`);
  const example = JSON.parse(await read(`${SERVICE}/example.json`));
  const post = async (changes: object) => {
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ ...example, ...changes });
    const url = `http://127.0.0.1:${PORT}/train`;
    const response = await fetch(url, { method: 'POST', headers, body });
    // biome-ignore lint/suspicious/noExplicitAny: what it holds is what the test is about.
    return { status: response.status, body: (await response.json()) as any };
  };

  const accepted = await post({});
  expect(accepted).toMatchObject({ status: 200, body: { status: 'submitted' } });
  const { backend, job_spec } = accepted.body.metadata;
  expect([backend, job_spec.runtime_ref.name]).toEqual(['mistral', 'mistral-runtime']);
  expect(job_spec.env_names).toContain('MISTRAL_GPUS');

  const widened = await post({ job_id: 'widened', extra_parameters: { sliding_window: 4096 } });
  expect(widened.body.metadata.warnings).toEqual([]);
  expect(widened.body.metadata.job_spec.env_names).toContain('MISTRAL_SLIDING_WINDOW');

  const refused = await post({
    job_id: 'refused',
    base_model: { provider: 'meta', model_name: 'm' },
    customization: { method: 'full' },
    tuning_parameters: { max_sequence_length: 100_000 },
    extra_parameters: { sliding_window: 0 },
  });
  expect(refused.status).toBe(400);
  expect(refused.body.errors.map(({ path }: { path: string }) => path)).toEqual([
    'extra_parameters.sliding_window',
    'base_model.provider',
    'resources.gpus',
    'tuning_parameters.max_sequence_length',
  ]);
  run.signalGroup('SIGINT');
  await run.ended;
}, 120_000);

it('is described in OpenAPI', async () => {
  const { info, servers, paths, components } = JSON.parse(await read('docs/openapi.json'));
  expect(info.description).toContain(
    '\n| mistral | 8084 | mistral | full, lora, qlora | 1 GPU; 8 GPUs for method full |\n',
  );
  expect(servers).toContainEqual(expect.objectContaining({ url: 'http://{host}:8084' }));
  const { properties } = components.schemas.ExtraParameters;
  expect(properties.sliding_window.description).toBe('Tokens that attention looks back');
  const { examples } = paths['/train'].post.requestBody.content['application/json'];
  expect(examples.mistral.value).toEqual(JSON.parse(await read(`${SERVICE}/example.json`)));
});

it('is tried by the Postman collection', async () => {
  const collection = JSON.parse(await read('docs/postman/trainer-apis.postman_collection.json'));
  expect(collection.variable).toContainEqual({ key: 'mistralUrl', value: 'http://localhost:8084' });
  const folder = collection.item.find(({ name }: { name: string }) => name === 'Mistral API');
  const names = folder.item.map(({ name }: { name: string }) => name);
  expect(names).toEqual(
    expect.arrayContaining([
      'Submit',
      'Submit a base_model.provider that this service refuses (400)',
      'Submit a resources.gpus that this service refuses for method full (400)',
    ]),
  );
});

it('is known to trainer render', async () => {
  const rendered = await node('packages/cli/src/main.ts', 'render', `${SERVICE}/example.json`);
  expect(rendered).toContain('As the hf-unsloth service renders it');
  const chosen = await node(
    ...['packages/cli/src/main.ts', 'render', `${SERVICE}/example.json`],
    ...['--backend', 'mistral'],
  );
  expect(chosen).toContain('As the mistral service renders it');
  expect(chosen).toContain('name: mistral-runtime');
});

it('is bundled', async () => {
  await node('scripts/bundle.mjs', '--out', inCopy('bundles'), 'mistral-api');
  expect(await readdir(inCopy('bundles/mistral-api'))).toContain('server.mjs');
  expect(await read('bundles/mistral-api/healthcheck.mjs')).toContain('PORT = 8084');
}, 60_000);

it('has manifests, of its own and in every list', async () => {
  const files = await readdir(inCopy(`${SERVICE}/k8s`));
  expect(files).toEqual(await readdir(join(ROOT, 'services/nemo-api/k8s')));
  for (const file of files) {
    const text = await read(`${SERVICE}/k8s/${file}`);
    const nemo = await readFile(join(ROOT, 'services/nemo-api/k8s', file), 'utf8');
    expect(text).toBe(nemo.replaceAll('nemo', 'mistral').replaceAll('8081', '8084'));
  }
  const runtime = await read('k8s/runtimes/mistral-runtime.yaml');
  const ofMeta = await readFile(join(ROOT, 'k8s/runtimes/meta-runtime.yaml'), 'utf8');
  expect(runtime).toBe(ofMeta.replaceAll(/\bmeta\b(?=-runtime| service)/g, 'mistral'));
  const lists = ['base', 'runtimes', 'overlays/kind', 'overlays/production'];
  for (const path of lists.map((folder) => `k8s/${folder}/Kustomization`)) {
    const { resources, replicas = [] } = parse(await read(path));
    expect(JSON.stringify([resources, replicas])).toMatch(/mistral-(api|runtime)/);
    // What was there stays as it was written.
    const before = await readFile(join(ROOT, path), 'utf8');
    const after = (await read(path)).split('\n');
    expect(before.split('\n').filter((line) => !after.includes(line))).toEqual([]);
  }
  const ingresses = parseAllDocuments(await read('k8s/overlays/production/ingress.yaml'));
  expect(ingresses.map((document) => document.toJS().metadata.name)).toContain('mistral-api');
  const { images } = parse(await read('k8s/overlays/production/Kustomization'));
  expect(images.at(-1).name).toBe('trainer-mistral-api');
});

it('names files and functions that exist', async () => {
  const inCommon = (path: string) => read(`packages/common/${path}`);
  expect(await inCommon('src/service/create-platform.ts')).toContain('PLATFORMS');
  expect(await inCommon('src/config/settings.ts')).toContain('TRAINER_JOB_RUNNER');
  for (const [file, name] of [
    ['job-runner-contract.ts', 'describeJobRunner'],
    ['job-store-contract.ts', 'describeJobStore'],
  ]) {
    expect(await inCommon(`test/${file}`)).toContain(`export function ${name}`);
  }
});
