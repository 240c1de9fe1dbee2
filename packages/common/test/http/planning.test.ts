import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeRequest, startTestService, type TestService } from '../start-test-service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.close());

const plan = (changes: Record<string, unknown> = {}) =>
  service.post('/plans', makeRequest(changes));

it('tells what would become of a request, and creates nothing', async () => {
  const { status, body } = await plan({ resources: { gpus: 1, gpu_type: 'H100' } });
  expect([status, body.valid, body.errors]).toEqual([200, true, []]);
  expect(body.resolved_request.customization).toMatchObject({ method: 'lora', precision: 'bf16' });
  expect(body.train_job.kind).toBe('TrainJob');
  expect(body.admission).toBeNull();
  expect(body.notes).toEqual([expect.stringContaining('asks nobody')]);
  expect(body.estimate).toMatchObject({ basis: 'formula', fits: true, parameters: 7e9 });
  expect((await service.request('/train/job-1')).status).toBe(404);
});

it('tells all errors at once, in the sentences of a submission', async () => {
  const broken = { resources: { gpus: -1 }, datasets: [] };
  const refused = await service.post('/train', makeRequest(broken));
  const { status, body } = await plan(broken);
  expect([status, body.valid]).toEqual([200, false]);
  expect(body.errors).toEqual(refused.body.errors);
  expect(body.errors.length).toBeGreaterThan(1);
  expect([body.resolved_request, body.train_job, body.estimate]).toEqual([null, null, null]);
});

it('tells of a job that has the id already', async () => {
  await service.post('/train', makeRequest({ job_id: 'known' }));
  const same = (await plan({ job_id: 'known' })).body;
  expect(same.valid).toBe(true);
  expect(same.warnings).toContainEqual(expect.stringContaining('would create nothing'));
  const other = (await plan({ job_id: 'known', resources: { gpus: 2 } })).body;
  expect(other.valid).toBe(false);
  expect(other.errors[0].message).toContain('resources.gpus');
});

it('shows no credential, wherever a request repeats it', async () => {
  const { text } = await plan({
    base_model: { provider: 'meta', model_name: 'a/b-7b', huggingface_token: 'hf_s3cret_value' },
    tuning_parameters: {
      note: 'hf_s3cret_value',
      both: 'hf_s3cret_value at https://u:p_s3cret@host/',
      api_key: 'k3y_s3cret_value',
    },
    datasets: [{ source: 'https://u:p4ss_s3cret@host/rows.jsonl?sig=q_s3cret', format: 'jsonl' }],
    callbacks: { webhook_url: 'http://127.0.0.1:9/w3bhook', auth_header: 'Bearer b_s3cret' },
    extra_parameters: { trainer_env: { PLAIN: 'env_s3cret_value' } },
  });
  expect(text).toContain('resolved_request');
  for (const secret of ['s3cret', 'w3bhook']) expect(text).not.toContain(secret);
});

it.each([
  [
    { batch_size: 32 },
    2,
    'Each GPU takes 8 rows at a time, each of max_sequence_length 512 tokens; ',
  ],
  [{ batch_size: 32, micro_batch_size: 4 }, 2, 'Each GPU takes 4 rows at a time, '],
  [{ batch_size: 2 }, 2, 'Each GPU takes 1 row at a time, each of max_sequence_length 512 tokens.'],
])('says how many rows it counts for %o', async (batch, gpus, sentence) => {
  const { estimate } = (
    await plan({
      base_model: { provider: 'meta', model_name: 'org/model-7b' },
      resources: { gpus },
      tuning_parameters: { max_sequence_length: 512, ...batch },
    })
  ).body;
  expect(estimate.notes).toContainEqual(expect.stringMatching(new RegExp(`^${sentence}`)));
});

describe('what is not known', () => {
  it('is said of a model whose name tells no size', async () => {
    const base_model = { provider: 'meta', model_name: 'org/my-model' };
    const { estimate } = (await plan({ base_model })).body;
    expect(estimate).toMatchObject({ memory_gb: null, fits: null, basis: 'unknown' });
    expect(estimate.notes[0]).toContain('size of the model is not known');
  });

  it('is said of the memory of a GPU', async () => {
    const { estimate } = (await plan({ resources: { gpus: 1, gpu_type: 'own-name' } })).body;
    expect(estimate).toMatchObject({ gpu_memory_gb: null, fits: null });
    expect(estimate.memory_gb.weights).toBeGreaterThan(10);
  });
});

it('answers a body that cannot be examined with a refusal', async () => {
  expect((await service.post('/plans', [])).status).toBe(400);
  expect((await service.post('/plans', '{')).body.code).toBe('MALFORMED_BODY');
});
