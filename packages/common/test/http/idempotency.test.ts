import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeRequest, startTestService, type TestService } from '../start-test-service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startTestService({ env: { TRAINER_MOCK_SUBMITTED_SECONDS: '600' } });
});
afterAll(() => service.close());

const post = (request: Record<string, unknown>) => service.post('/train', request);
const model = (changes: Record<string, unknown>) => ({
  base_model: { provider: 'meta', model_name: 'meta-llama/Llama-2-7b', ...changes },
});

describe('the same request again', () => {
  it('is answered with the present state, and creates nothing', async () => {
    const request = makeRequest({ job_id: 'again', extra_parameters: { mock: {} } });
    const first = await post(request);
    const cancelled = await service.post('/train/again/cancel');
    const second = await post(request);
    expect(second.status).toBe(200);
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    expect(second.headers.get('location')).toBe('/train/again');
    expect(second.body).toEqual(cancelled.body);
    expect(second.body.backend_job_id).toBe(first.body.backend_job_id);
  });

  const lora = (customization: unknown) => ({ customization });
  it.each([
    [
      'key order',
      { job_id: 'x', resources: { gpus: 2, cpus: 4 } },
      { resources: { cpus: 4, gpus: 2 }, job_id: 'x' },
    ],
    ['null for absent', {}, { resources: null, callbacks: null, ...model({ revision: null }) }],
    ['empty sections', {}, { resources: {}, tuning_parameters: {}, extra_parameters: {} }],
    [
      'the other LoRA form',
      lora({ rank: 8, lora_alpha: 4 }),
      lora({ lora: { rank: 8, alpha: 4 } }),
    ],
    [
      'gradient_checkpointing elsewhere',
      { customization: { gradient_checkpointing: false } },
      { tuning_parameters: { gradient_checkpointing: false } },
    ],
    [
      'command for trainer_command',
      { extra_parameters: { command: 'a b' } },
      { extra_parameters: { trainer_command: ['a', 'b'] } },
    ],
    [
      'fresh tokens',
      model({ auth_token: 'one', huggingface_token: 'a' }),
      model({ auth_token: 'two' }),
    ],
    [
      'fresh STS credentials',
      {
        artifacts: {
          log_uri: 'l',
          output_uri: 'o',
          auth: { aws_access_key_id: 'a', aws_secret_access_key: 'b', aws_session_token: 'c' },
        },
      },
      {
        artifacts: {
          log_uri: 'l',
          output_uri: 'o',
          auth: { aws_access_key_id: 'x', aws_secret_access_key: 'y', aws_session_token: 'z' },
        },
      },
    ],
    [
      'other values of credentials in trainer_env',
      { extra_parameters: { trainer_env: { API_KEY: '1', A: '1' } } },
      {
        extra_parameters: {
          trainer_env: [
            { name: 'API_KEY', value: '2' },
            { name: 'A', value: 1 },
          ],
        },
      },
    ],
    [
      'another auth_header',
      { callbacks: { webhook_url: 'https://a.test/', auth_header: 'a' } },
      { callbacks: { webhook_url: 'https://a.test/', auth_header: 'b' } },
    ],
    [
      'another signature in a URL',
      model({ weights_url: 'https://a.test/w?sig=1' }),
      model({ weights_url: 'https://a.test/w?sig=2' }),
    ],
  ])('may differ in %s', async (name, first, second) => {
    const job_id = `same-${name.replaceAll(/[^a-z]+/gi, '-')}`;
    expect((await post(makeRequest({ ...first, job_id }))).status).toBe(200);
    const answer = await post(makeRequest({ ...second, job_id }));
    expect(answer.body.detail).toBe('Job accepted for processing');
    expect(answer.headers.get('idempotent-replayed')).toBe('true');
  });
});

describe('a different request for the same job', () => {
  it.each([
    ['resources.gpus', { resources: { gpus: 2 } }],
    ['base_model.model_name', model({ model_name: 'other' })],
    ['customization.lora.rank', { customization: { rank: 64 } }],
    ['datasets', { datasets: [{ source: 's3://bucket/other.jsonl', format: 'jsonl' }] }],
    [
      'datasets',
      { datasets: [{ source: 's3://bucket/train.jsonl?versionId=A', format: 'jsonl' }] },
    ],
    ['tuning_parameters.my_own', { tuning_parameters: { my_own: 1 } }],
    ['extra_parameters.trainer_env.B', { extra_parameters: { trainer_env: { B: '1' } } }],
    ['callbacks.webhook_url', { callbacks: { webhook_url: 'https://a.test/' } }],
    // What a default would fill in was not asked for.
    ['base_model.revision', model({ revision: 'main' })],
  ])('is a conflict that names %s', async (path, changes) => {
    const job_id = `conflict-${JSON.stringify(changes).replaceAll(/[^a-z]+/gi, '-')}`;
    const first = await post(makeRequest({ job_id }));
    const answer = await post(makeRequest({ job_id, ...changes }));
    expect(answer.status).toBe(409);
    expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(answer.body).toMatchObject({
      code: 'JOB_CONFLICT',
      detail: expect.stringContaining(path),
      errors: [{ path, message: expect.any(String) }],
    });
    expect((await service.request(`/train/${job_id}`)).body).toEqual(first.body);
  });

  it('names every field that differs', async () => {
    await post(makeRequest({ job_id: 'many' }));
    const changes = { resources: { gpus: 8 }, customization: { method: 'full' } };
    const { body } = await post(makeRequest({ job_id: 'many', ...changes }));
    expect(body.errors.map(({ path }: { path: string }) => path)).toEqual([
      'customization.method',
      'resources.gpus',
    ]);
  });
});

it('makes one job of many identical requests at once', async () => {
  const file = new URL('../guide-example.json', import.meta.url);
  const guide = JSON.parse(await readFile(file, 'utf8'));
  const before = await jobCount();
  const answers = await Promise.all(Array.from({ length: 40 }, () => post(guide)));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  const created = answers.filter(({ headers }) => !headers.has('idempotent-replayed'));
  expect(created).toHaveLength(1);
  expect(new Set(answers.map(({ body }) => body.backend_job_id)).size).toBe(1);
  expect(await jobCount()).toBe(before + 1);
});

it('lets one of several different requests at once win', async () => {
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, n) =>
      post(makeRequest({ job_id: 'contended', resources: { gpus: n } })),
    ),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(409)]);
});

async function jobCount(): Promise<number> {
  const { text } = await service.request('/metrics');
  return [...text.matchAll(/^trainer_jobs\{.*\} (\d+)$/gm)].reduce(
    (sum, [, n]) => sum + Number(n),
    0,
  );
}
