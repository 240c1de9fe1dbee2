import {
  guideExample,
  makeRequest,
  startTestService,
  type TestService,
} from '@trainer/common/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { MetaBackend } from './backend.ts';

let service: TestService;
beforeAll(async () => {
  service = await startTestService({ backend: new MetaBackend() });
});
afterAll(() => service.close());

const post = (changes: Record<string, unknown>) =>
  service.post('/train', makeRequest({ resources: { gpus: 2 }, ...changes }));

it('is meta, on port 8082, with the meta runtime', async () => {
  const backend = new MetaBackend();
  expect(backend).toMatchObject({
    name: 'meta',
    defaults: { port: 8082, runtimeName: 'meta-runtime' },
  });
});

it("accepts the guide's example", async () => {
  const { status, body } = await service.post('/train', guideExample);
  expect(status).toBe(200);
  expect(body).toMatchObject({ job_id: guideExample.job_id, status: 'submitted' });
  expect(body.metadata.warnings).toEqual([
    'customization.qlora is ignored, since customization.method is lora',
    'base_model.auth_token is ignored, since base_model.huggingface_token goes before it',
    'resources.gpu_type is not mapped by TRAINER_GPU_TYPES, so the job may run on any node with GPUs',
  ]);
  const { train_job } = body.metadata.job_spec;
  expect(train_job.spec).toMatchObject({
    runtimeRef: { name: 'meta-runtime' },
    activeDeadlineSeconds: 43_200,
    trainer: { numNodes: 1, resourcesPerNode: { limits: { 'nvidia.com/gpu': '4' } } },
  });
});

it.each([
  ['meta', 200],
  ['huggingface', 200],
  ['nemo', 400],
  ['mistral', 400],
  ['custom', 400],
])('provider %s: %i', async (provider, status) => {
  const base_model = { provider, model_name: 'm' };
  const answer = await post({ job_id: provider, base_model });
  expect(answer.status).toBe(status);
  if (status === 400) expect(answer.body.errors).toMatchObject([{ path: 'base_model.provider' }]);
});

it.each([
  ['lora', { gpus: 2 }, undefined],
  ['lora', { gpus: 1 }, 'resources.gpus'],
  ['lora', null, 'resources.gpus'],
  ['full', { gpus: 2, memory_gb: 128 }, undefined],
  ['full', { gpus: 2, memory_gb: 127 }, 'resources.memory_gb'],
  ['full', { gpus: 2 }, 'resources.memory_gb'],
])('method %s with %j: %s', async (method, resources, path) => {
  const job_id = `${method}-${JSON.stringify(resources).replaceAll(/[^\w]/g, '')}`;
  const answer = await post({ job_id, customization: { method }, resources });
  expect(answer.status).toBe(path === undefined ? 200 : 400);
  if (path !== undefined) expect(answer.body.errors).toMatchObject([{ path }]);
});

it.each([
  ['executor with arguments', { executor: 'torchrun', trainer_args: ['a.py'] }, ['torchrun'], []],
  [
    'executor by its path',
    { executor: '/opt/bin/accelerate', trainer_args: ['a.py'] },
    ['/opt/bin/accelerate'],
    [],
  ],
  ['executor alone', { executor: 'torchrun' }, null, ['executor']],
  [
    'a command of its own',
    { executor: 'x', trainer_command: ['y'], trainer_args: ['z'] },
    ['y'],
    [],
  ],
  ['neither', {}, null, []],
])(
  'gives the runtime another command for %s',
  async (name, extra_parameters, command, warnings) => {
    const job_id = name.replaceAll(' ', '-');
    const { body } = await post({ job_id, extra_parameters });
    expect(body.metadata.job_spec.command).toEqual(command);
    expect(body.metadata.warnings).toEqual(
      warnings.map((word) => expect.stringContaining(`extra_parameters.${word}`)),
    );
  },
);

it.each([
  ['two words', 'torchrun --nnodes 2'],
  ['a list', ['torchrun']],
  ['a long text', `${'a/'.repeat(100_000)} `],
])('refuses an executor of %s', async (_, executor) => {
  const { status, body } = await post({ extra_parameters: { executor } });
  expect(status).toBe(400);
  expect(body.errors).toEqual([
    {
      path: 'extra_parameters.executor',
      message: expect.stringMatching(/^extra_parameters\.executor must be .*\.$/),
    },
  ]);
});

it.each<[string, Record<string, unknown>, number]>([
  ['its own command', { trainer_command: ['train.sh'] }, 0],
  ['an executor', { executor: 'torchrun', trainer_args: ['train.py'] }, 0],
  ['our own runtime', {}, 1],
])(
  'tells of a batch that does not divide only where %s splits it',
  async (job_id, extra_parameters, count) => {
    const { body } = await post({
      job_id: job_id.replaceAll(' ', '-'),
      extra_parameters,
      resources: { gpus: 3 },
    });
    expect(body.metadata.warnings).toHaveLength(count);
  },
);
