import {
  guideExample,
  makeRequest,
  startTestService,
  type TestService,
} from '@trainer/common/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { NemoBackend } from './backend.ts';

let service: TestService;
beforeAll(async () => {
  service = await startTestService({ backend: new NemoBackend() });
});
afterAll(() => service.close());

const NEMO = { base_model: { provider: 'nemo', model_name: 'nvidia/nemotron' } };
const post = (changes: Record<string, unknown>) =>
  service.post('/train', makeRequest({ ...NEMO, ...changes }));

it('is nemo, on port 8081, with the nemo runtime', async () => {
  const backend = new NemoBackend();
  expect(backend).toMatchObject({
    name: 'nemo',
    defaults: { port: 8081, runtimeName: 'nemo-runtime' },
  });
  const { body } = await post({ job_id: 'whoami' });
  expect(body.metadata.backend).toBe('nemo');
  expect(body.metadata.job_spec.runtime_ref.name).toBe('nemo-runtime');
  expect(body.metadata.job_spec.command).toBeNull();
});

it("refuses the guide's example for its provider alone", async () => {
  const { status, body } = await service.post('/train', guideExample);
  expect(status).toBe(400);
  expect(body.errors).toEqual([
    {
      path: 'base_model.provider',
      message:
        'base_model.provider must be one of nemo, nemotron, bim for this service, but is huggingface.',
    },
  ]);
  expect(body.detail).toBe(body.errors[0].message);
});

it.each(['nemo', 'nemotron', 'bim'])('accepts the provider %s', async (provider) => {
  const base_model = { provider, model_name: 'm' };
  expect((await post({ job_id: provider, base_model })).status).toBe(200);
});

it.each(['meta', 'huggingface', 'mistral', 'tii', 'custom'])('refuses %s', async (provider) => {
  const { status, body } = await post({ base_model: { provider, model_name: 'm' } });
  expect([status, body.errors[0].path]).toEqual([400, 'base_model.provider']);
});

it.each([
  ['lora', 1, 200],
  ['lora', 0, 400],
  ['full', 4, 200],
  ['full', 3, 400],
  ['adapter', 1, 200],
])('method %s with %i GPUs: %i', async (method, gpus, status) => {
  const changes = { customization: { method }, resources: { gpus } };
  const answer = await post({ job_id: `${method}-${gpus}`, ...changes });
  expect(answer.status).toBe(status);
  if (status === 400) expect(answer.body.errors).toMatchObject([{ path: 'resources.gpus' }]);
});

it('tells every violation at once', async () => {
  const { body } = await post({
    base_model: { provider: 'meta', model_name: 'm' },
    customization: { method: 'full' },
    resources: { gpus: 0 },
  });
  expect(body.errors.map(({ path }: { path: string }) => path)).toEqual([
    'base_model.provider',
    'resources.gpus',
    'resources.gpus',
  ]);
});
