import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { startTestService } from '@trainer/common/testing';
import { createSigner } from '@trainer/common/testing/internals';
import { findService } from '@trainer/services';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { readBlocks } from './page-blocks.ts';

// The programs of docs/CLIENT.md, run as they stand there, and the bodies of docs/USAGE.md.

const CLIENT = new URL('../packages/client/src/index.ts', import.meta.url).href;

let folder: string;
let service: Awaited<ReturnType<typeof startTestService>>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'documented-code-'));
  service = await startTestService({ backend: findService('hf-unsloth').backend });
});
afterAll(async () => {
  await service.close();
  await rm(folder, { recursive: true });
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

const example = async (): Promise<Record<string, unknown>> =>
  JSON.parse(
    await readFile(new URL('../services/hf-unsloth-api/example.json', import.meta.url), 'utf8'),
  );

const programs = readBlocks('CLIENT.md').filter(({ language }) => language === 'ts');

/** Runs the program of docs/CLIENT.md that stands below a heading. */
async function runProgram(heading: string): Promise<void> {
  const program = programs.find((block) => block.heading === heading);
  if (program === undefined) throw new Error(`There is no program below ${heading}.`);
  const text = program.text
    .replaceAll("'@trainer/client'", JSON.stringify(CLIENT))
    .replaceAll('http://localhost:8082', service.url);
  const path = join(folder, `${programs.indexOf(program)}.ts`);
  await writeFile(path, text);
  await import(pathToFileURL(path).href);
}

test('docs/CLIENT.md has these programs', () => {
  expect(programs.map(({ heading }) => heading)).toEqual([
    '`@trainer/client` (TypeScript)',
    'Callbacks',
  ]);
});

test('docs/CLIENT.md: the client submits a job and waits for its end', async () => {
  const log = vi.spyOn(console, 'log').mockReturnValue();
  vi.stubGlobal('request', await example());
  await runProgram('`@trainer/client` (TypeScript)');
  expect(log.mock.lastCall).toEqual(['succeeded', 'Training completed (simulated)']);
});

test('docs/CLIENT.md: a receiver takes the callbacks that are authentic, and no others', async () => {
  type Handler = (request: object, response: object) => Promise<void>;
  const handlers: Handler[] = [];
  const noted: unknown[] = [];
  vi.stubGlobal('app', { post: (_path: string, handler: Handler) => handlers.push(handler) });
  vi.stubGlobal('note', async (...told: unknown[]) => noted.push(told));
  const secret = `whsec_${Buffer.from('a secret of at least 24 bytes').toString('base64')}`;
  vi.stubEnv('WEBHOOK_SECRET', secret);
  await runProgram('Callbacks');
  const event = { job_id: 'job-1', status: 'succeeded' };
  const rawBody = JSON.stringify(event);
  const receive = async (headers: Readonly<Record<string, string>>) => {
    let answered: number | undefined;
    const response = {
      status: (code: number) => {
        answered = code;
        return { end: () => {} };
      },
    };
    await handlers[0]?.({ rawBody, headers }, response);
    return answered;
  };
  const signed = createSigner([secret])({ id: 'msg_1', atMs: Date.now(), body: rawBody });
  expect(await receive({ ...signed, authorization: 'Bearer my-secret' })).toBe(204);
  expect(noted).toEqual([['msg_1', event]]);
  expect(await receive({ ...signed, authorization: 'Bearer other' })).toBe(401);
  expect(await receive({ authorization: 'Bearer my-secret' })).toBe(401);
  expect(noted).toHaveLength(1);
});

/** What docs/USAGE.md shows below a heading; parts of an object stand there without its braces. */
function readBody(heading: string) {
  const bodies = readBlocks('USAGE.md').filter(({ language }) => language === 'json');
  const { text = '' } = bodies.find((block) => block.heading === heading) ?? {};
  return JSON.parse(text.startsWith('{') ? text : `{${text}}`);
}

test('docs/USAGE.md has these bodies', () => {
  const bodies = readBlocks('USAGE.md').filter(({ language }) => language === 'json');
  expect(bodies.map(({ heading }) => heading)).toEqual([
    ...['Warnings', 'Submit again', 'Follow', 'Errors', 'Play with the mock'],
  ]);
});

test('docs/USAGE.md shows the warnings of a request', async () => {
  const customization = { method: 'lora', lora_rnak: 8, qlora: { use_double_quant: true } };
  const request = { ...(await example()), job_id: 'warnings', customization };
  const { body } = await service.post('/train', request);
  expect(body.metadata.warnings).toEqual(expect.arrayContaining(readBody('Warnings').warnings));
});

test('docs/USAGE.md shows what comes of another request under an id that there is', async () => {
  const request = { ...(await example()), job_id: 'conflict' };
  expect((await service.post('/train', request)).status).toBe(200);
  const datasets = [{ source: 's3://example-bucket/other.jsonl', format: 'jsonl' }];
  const { body } = await service.post('/train', { ...request, datasets });
  const { '…': _left, ...shown } = readBody('Submit again');
  expect(body).toMatchObject(shown);
});

test('docs/USAGE.md shows callbacks that a service takes', async () => {
  const request = { ...(await example()), job_id: 'callbacks', ...readBody('Follow') };
  const { body } = await service.post('/plans', request);
  expect(body).toMatchObject({ valid: true, errors: [] });
});

test('docs/USAGE.md shows what is wrong with a request', async () => {
  const { datasets, ...others } = await example();
  const [dataset] = datasets as object[];
  const { request_id: _id, ...shown } = readBody('Errors');
  const { body } = await service.post('/train', {
    ...{ ...others, job_id: 'errors', customization: { method: 'full' } },
    datasets: [{ ...dataset, format: 'xlsx' }],
  });
  expect(body).toEqual({ ...shown, request_id: expect.any(String) });
});

test('docs/USAGE.md shows how the mock is told what to do', async () => {
  const { extra_parameters: shown } = readBody('Play with the mock');
  expect(shown.mock).toMatchObject({ submitted_seconds: 0, running_seconds: 5 });
  const mock = { ...shown.mock, running_seconds: 0 };
  const request = { ...(await example()), job_id: 'mock', extra_parameters: { mock } };
  expect((await service.post('/train', request)).status).toBe(200);
  const { body } = await service.getUntil('mock', ({ status }) => status === 'failed');
  expect(body.detail).toBe(shown.mock.reason);
});
