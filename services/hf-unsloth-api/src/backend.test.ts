import {
  guideExample,
  makeRequest,
  startTestService,
  type TestService,
} from '@trainer/common/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { HfUnslothBackend } from './backend.ts';

let service: TestService;
beforeAll(async () => {
  service = await startTestService({ backend: new HfUnslothBackend() });
});
afterAll(() => service.close());

const post = (changes: Record<string, unknown>) => service.post('/train', makeRequest(changes));

it('is hf-unsloth, on port 8083, with the hf-unsloth runtime', () => {
  expect(new HfUnslothBackend()).toMatchObject({
    name: 'hf-unsloth',
    defaults: { port: 8083, runtimeName: 'hf-unsloth-runtime' },
  });
});

it("accepts the guide's example", async () => {
  const { status, body } = await service.post('/train', guideExample);
  expect(status).toBe(200);
  expect(body).toMatchObject({ job_id: guideExample.job_id, status: 'submitted' });
  expect(body.metadata.job_spec.runtime_ref.name).toBe('hf-unsloth-runtime');
});

it.each([
  ['huggingface', 200],
  ['meta', 200],
  ['mistral', 200],
  ['tii', 200],
  ['custom', 200],
  ['nemo', 400],
  ['nemotron', 400],
  ['bim', 400],
])('provider %s: %i', async (provider, status) => {
  const answer = await post({ job_id: provider, base_model: { provider, model_name: 'm' } });
  expect(answer.status).toBe(status);
  if (status === 400) expect(answer.body.errors).toMatchObject([{ path: 'base_model.provider' }]);
});

it.each([
  ['lora', 200],
  ['qlora', 200],
  ['peft', 200],
  ['full', 400],
  ['adapter', 400],
])('method %s: %i', async (method, status) => {
  const answer = await post({ job_id: `method-${method}`, customization: { method } });
  expect(answer.status).toBe(status);
  if (status === 400) expect(answer.body.errors).toMatchObject([{ path: 'customization.method' }]);
});

it('needs a GPU', async () => {
  const { status, body } = await post({ job_id: 'no-gpu', resources: { gpus: 0 } });
  expect(status).toBe(400);
  expect(body.errors).toMatchObject([{ path: 'resources.gpus' }]);
});

it.each([
  [
    'defaults',
    {},
    { optimize_long_context: true, quantization: 'bnb-nf4', gradient_accumulation: 4 },
  ],
  [
    'own',
    { unsloth: { gradient_accumulation: 8, more: 'x' } },
    { optimize_long_context: true, quantization: 'bnb-nf4', gradient_accumulation: 8, more: 'x' },
  ],
])('hands its %s options to the trainer', async (job_id, extra_parameters, options) => {
  const { body } = await post({ job_id, extra_parameters });
  const { env } = body.metadata.job_spec.train_job.spec.trainer;
  const { value } = env.find(({ name }: { name: string }) => name === 'UNSLOTH_OPTIONS_JSON');
  expect(JSON.parse(value)).toEqual(options);
});

it.each([
  [{ gradient_accumulation: 0 }, 'gradient_accumulation must be at least 1.'],
  [{ optimize_long_context: 'yes' }, 'optimize_long_context must be true or false.'],
])('refuses the options %j', async (unsloth, message) => {
  const { status, body } = await post({ extra_parameters: { unsloth } });
  expect(status).toBe(400);
  expect(body.errors).toMatchObject([{ message: `extra_parameters.unsloth.${message}` }]);
});

it('takes null and empty texts for options that are not given', async () => {
  const unsloth = { optimize_long_context: null, quantization: '', gradient_accumulation: null };
  const { status } = await post({ job_id: 'empty', extra_parameters: { unsloth } });
  expect(status).toBe(200);
  const { body, headers } = await post({ job_id: 'empty', extra_parameters: {} });
  expect(headers.get('idempotent-replayed')).toBe('true');
  expect(body.metadata.warnings).toEqual([]);
});

it('asks whether an option is a misspelling', async () => {
  const { body } = await post({
    job_id: 'misspelt',
    extra_parameters: { unsloth: { quantisation: 'x' } },
  });
  expect(body.metadata.warnings).toEqual([
    'extra_parameters.unsloth.quantisation is passed to the trainer as it is; did you mean quantization?',
  ]);
});

it('tells of a batch that its options and the GPUs do not divide', async () => {
  const { body } = await post({ job_id: 'batch-on-3', resources: { gpus: 3 } });
  expect(body.metadata.warnings).toEqual([
    'tuning_parameters.batch_size 32 cannot be split over 3 processes as asked, so our own runtime takes 24 rows a step',
  ]);
});
