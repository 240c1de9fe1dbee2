import { makeRequest, startTestService } from '@trainer/common/testing';
import { findService, services } from '@trainer/services';
import { expect, test } from 'vitest';

/** A request that every rule of every service accepts, apart from its provider. */
const makeBody = (provider: string, extra_parameters: object) =>
  makeRequest({
    base_model: { provider, model_name: 'm' },
    resources: { gpus: 2 },
    extra_parameters,
  });
const PROVIDERS: Readonly<Record<string, string>> = { nemo: 'nemo' };

async function submit(name: string, extra_parameters: object) {
  await using service = await startTestService({ backend: findService(name).backend });
  const body = makeBody(PROVIDERS[name] ?? 'meta', extra_parameters);
  const answer = await service.post('/train', body);
  const description = await service.request('/openapi.json');
  const { properties } = description.body.components.schemas.ExtraParameters;
  return { ...answer, properties };
}

test.each([
  ['nemo', ['extra_parameters.executor is ignored, since only the meta service uses it']],
  ['hf-unsloth', ['extra_parameters.executor is ignored, since only the meta service uses it']],
  ['meta', ['extra_parameters.executor is ignored without extra_parameters.trainer_args']],
])('%s says what it does not do with another service’s parameter', async (name, warnings) => {
  const { body } = await submit(name, { executor: 'torchrun' });
  expect(body.metadata.warnings).toEqual(warnings);
});

test.each(services.map(({ name }) => [name]))(
  '%s checks the parameters of every service',
  async (name) => {
    const { status, body } = await submit(name, {
      executor: 'torchrun --nnodes 2',
      unsloth: { gradient_accumulation: 0 },
    });
    expect(status).toBe(400);
    expect(body.errors.map(({ path }: { path: string }) => path)).toEqual([
      'extra_parameters.executor',
      'extra_parameters.unsloth.gradient_accumulation',
    ]);
  },
);

test.each(services.map(({ name }) => [name]))(
  '%s hands options of Unsloth to the trainer, with their defaults',
  async (name) => {
    const { body } = await submit(name, { unsloth: { gradient_accumulation: 8, own: [1] } });
    expect(body.metadata.warnings).toEqual([]);
    const { env } = body.metadata.job_spec.train_job.spec.trainer;
    const { value } = env.find((each: { name: string }) => each.name === 'UNSLOTH_OPTIONS_JSON');
    expect(JSON.parse(value)).toEqual({
      optimize_long_context: true,
      quantization: 'bnb-nf4',
      gradient_accumulation: 8,
      own: [1],
    });
  },
);

test.each([
  ['executer', 'executor'],
  ['unslot', 'unsloth'],
])('every service takes %s for a misspelt %s', async (misspelt, name) => {
  for (const service of services) {
    const { body } = await submit(service.name, { [misspelt]: 'x' });
    expect(body.metadata.warnings).toEqual([
      `extra_parameters.${misspelt} is passed to the trainer as it is; did you mean ${name}?`,
    ]);
  }
});

test.each([
  ['executor', ''],
  ['executor', null],
  ['unsloth', {}],
])('a request whose %s is %j repeats the one without it', async (name, value) => {
  for (const { backend } of services) {
    await using service = await startTestService({ backend });
    const provider = PROVIDERS[backend.name] ?? 'meta';
    await service.post('/train', makeBody(provider, {}));
    const { status, headers } = await service.post('/train', makeBody(provider, { [name]: value }));
    expect([status, headers.get('idempotent-replayed')]).toEqual([200, 'true']);
  }
});

test.each([
  ['nemo', []],
  ['meta', ['executor']],
  ['hf-unsloth', ['unsloth']],
])('the description of %s has the parameters of every service and %j', async (name, own) => {
  const { properties } = await submit(name, {});
  expect(Object.keys(properties)).toContain('trainer_args');
  const named = Object.keys(properties).filter((key) => ['executor', 'unsloth'].includes(key));
  expect(named).toEqual(own);
});
