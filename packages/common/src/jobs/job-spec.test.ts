import { describe, expect, test } from 'vitest';
import { type Changes, specify } from '../../test/builders.ts';

const specOf = (...given: Parameters<typeof specify>) => specify(...given).spec;

describe('per node', () => {
  test.each<[string, Changes, object, number | undefined]>([
    ['defaults', {}, { cpus: 8, memoryGb: 64, gpus: 1 }, 1],
    [
      'gpus are the total, cpus and memory are not',
      { resources: { gpus: 8, cpus: 16, memory_gb: 128 }, 'extra_parameters.num_nodes': 4 },
      { cpus: 16, memoryGb: 128, gpus: 2 },
      2,
    ],
    [
      'no GPU is asked for none',
      { 'resources.gpus': 0 },
      { cpus: 8, memoryGb: 64, gpus: 0 },
      undefined,
    ],
    [
      'the GPUs that each node names are the truth',
      {
        'extra_parameters.resources_per_node': { requests: { 'nvidia.com/gpu': 8 } },
        'extra_parameters.num_nodes': 2,
      },
      { cpus: 8, memoryGb: 64, gpus: 8 },
      8,
    ],
    [
      'processes as asked',
      { 'resources.gpus': 4, 'extra_parameters.num_proc_per_node': 2 },
      { cpus: 8, memoryGb: 64, gpus: 4 },
      2,
    ],
  ])('%s', (_, changes, resources, processes) => {
    const spec = specOf(changes);
    expect(spec.resourcesPerNode).toEqual(resources);
    expect(spec.processesPerNode).toBe(processes);
  });
});

describe('image, command and args', () => {
  test('are the runtime’s own unless something names them', () => {
    expect(specOf()).toMatchObject({ image: undefined, command: undefined, args: undefined });
  });

  test('of the request win over those of the service', () => {
    const options = {
      env: { DEFAULT_CONTAINER_IMAGE: 'default:1' },
      traits: { command: ['torchrun'] },
    };
    const changes = {
      extra_parameters: { container_image: 'own:1', command: ['python'], trainer_args: ['-v'] },
    };
    expect(specOf({}, options)).toMatchObject({ image: 'default:1', command: ['torchrun'] });
    expect(specOf(changes, options)).toMatchObject({
      image: 'own:1',
      command: ['python'],
      args: ['-v'],
    });
  });
});

test('a deadline is set only when it is asked for, in seconds', () => {
  expect(specOf().deadlineSeconds).toBeUndefined();
  expect(specOf({ 'resources.max_duration_minutes': 720 }).deadlineSeconds).toBe(43_200);
});

describe('sources that a platform may load', () => {
  const two = [0, 1].map((n) => ({ source: `s3://b/${n}`, format: 'csv' }));

  test.each<[string, Changes, object]>([
    ['the only dataset', {}, { dataset: 's3://bucket/data.jsonl', model: undefined, others: [] }],
    [
      'none of several datasets',
      { datasets: two },
      {
        dataset: undefined,
        model: undefined,
        others: ['datasets[0].source', 'datasets[1].source'],
      },
    ],
    [
      'the model',
      { 'extra_parameters.model_uri': 'hf://o/m' },
      { dataset: 's3://bucket/data.jsonl', model: 'hf://o/m', others: [] },
    ],
    [
      'none that holds a credential',
      { 'datasets.0.source': 's3://u:p@b/x', 'extra_parameters.model_uri': 's3://b/m?sig=1' },
      { dataset: undefined, model: undefined, others: ['datasets[0].source'] },
    ],
    [
      'none of the weights',
      { 'base_model.weights_url': 'https://h/w' },
      { dataset: 's3://bucket/data.jsonl', model: undefined, others: ['base_model.weights_url'] },
    ],
  ])('are %s', (_, changes, sources) => {
    expect(specOf(changes).sources).toEqual(sources);
  });
});

test('is JSON without any credential of the request', () => {
  const { spec, secrets } = specify({
    'base_model.auth_token': 'hf_canary',
    'artifacts.auth': { aws_secret_access_key: 'aws_canary' },
    'extra_parameters.trainer_env': { OWN: 'env_canary' },
    'extra_parameters.trainer_args': ['--key=hf_canary'],
  });
  expect(Object.values(secrets).join()).toMatch(/hf_canary.*aws_canary|aws_canary.*hf_canary/);
  expect(JSON.stringify(spec)).not.toContain('canary');
  expect(JSON.parse(JSON.stringify(spec))).toEqual(JSON.parse(JSON.stringify({ ...spec })));
});
