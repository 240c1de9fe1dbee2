import { describe, expect, test } from 'vitest';
import { type Changes, makeBody, makeConfig, makeSpec, parseValid } from '../../test/builders.ts';
import { describeUnused } from './job-spec.ts';

describe('per node', () => {
  test.each<[string, Changes, Record<string, string>, number | undefined]>([
    ['defaults', {}, { cpu: '8', memory: '64Gi', 'nvidia.com/gpu': '1' }, 1],
    [
      'gpus are the total, cpus and memory are not',
      { resources: { gpus: 8, cpus: 16, memory_gb: 128 }, 'extra_parameters.num_nodes': 4 },
      { cpu: '16', memory: '128Gi', 'nvidia.com/gpu': '2' },
      2,
    ],
    ['no GPU is asked for none', { 'resources.gpus': 0 }, { cpu: '8', memory: '64Gi' }, undefined],
    [
      'processes as asked',
      { 'resources.gpus': 4, 'extra_parameters.num_proc_per_node': 2 },
      { cpu: '8', memory: '64Gi', 'nvidia.com/gpu': '4' },
      2,
    ],
    ['own resources', { 'extra_parameters.resources_per_node': { cpu: 2 } }, { cpu: '2' }, 1],
  ])('%s', (_, changes, amounts, processes) => {
    const spec = makeSpec(changes);
    expect(spec.resourcesPerNode).toEqual({ requests: amounts, limits: amounts });
    expect(spec.processesPerNode).toBe(processes);
  });

  test('limits alone stay alone', () => {
    const limits = { cpu: '2' };
    const spec = makeSpec({ 'extra_parameters.resources_per_node': { limits } });
    expect(spec.resourcesPerNode).toEqual({ limits });
  });
});

describe('runtime', () => {
  const env = {
    TRAINER_RUNTIME_NAME: 'set',
    TRAINER_RUNTIME_KIND: 'TrainingRuntime',
    TRAINER_RUNTIME_API_GROUP: 'example.com',
  };

  test.each([
    [{}, {}, ['test-runtime', 'ClusterTrainingRuntime', 'trainer.kubeflow.org']],
    [{}, env, ['set', 'TrainingRuntime', 'example.com']],
    [{ name: 'mine' }, env, ['mine', 'TrainingRuntime', 'example.com']],
    [
      { name: 'mine', kind: 'ClusterTrainingRuntime', apiGroup: 'a.b' },
      env,
      ['mine', 'ClusterTrainingRuntime', 'a.b'],
    ],
  ])('%j, set by %j', (runtime_ref, settings, [name, kind, apiGroup]) => {
    const changes = 'name' in runtime_ref ? { 'extra_parameters.runtime_ref': runtime_ref } : {};
    expect(makeSpec(changes, { env: settings }).runtime).toEqual({ name, kind, apiGroup });
  });
});

describe('image, command and args', () => {
  test('are the runtime’s own unless something names them', () => {
    expect(makeSpec()).toMatchObject({ image: undefined, command: undefined, args: undefined });
  });

  test('of the request win over those of the service', () => {
    const options = {
      env: { DEFAULT_CONTAINER_IMAGE: 'default:1' },
      traits: { command: ['torchrun'] },
    };
    const changes = {
      extra_parameters: { container_image: 'own:1', command: ['python'], trainer_args: ['-v'] },
    };
    expect(makeSpec({}, options)).toMatchObject({ image: 'default:1', command: ['torchrun'] });
    expect(makeSpec(changes, options)).toMatchObject({
      image: 'own:1',
      command: ['python'],
      args: ['-v'],
    });
  });
});

test('a deadline is set only when it is asked for, in seconds', () => {
  expect(makeSpec().activeDeadlineSeconds).toBeUndefined();
  expect(makeSpec({ 'resources.max_duration_minutes': 720 }).activeDeadlineSeconds).toBe(43_200);
});

describe('gpu_type', () => {
  const A100 = { nodeSelector: { gpu: 'a100' } };
  const env = { TRAINER_GPU_TYPES: JSON.stringify({ A100, H100: {} }) };
  const unused = (gpu_type: string | null, settings = env as Record<string, string>) =>
    describeUnused(parseValid(makeBody({ 'resources.gpu_type': gpu_type })), makeConfig(settings));

  test('chooses the nodes that the cluster has for it', () => {
    expect(makeSpec({ 'resources.gpu_type': 'A100' }, { env }).placement).toEqual(A100);
    expect(makeSpec({}, { env }).placement).toBeUndefined();
  });

  test.each(['L4', 'constructor', 'toString'])('%s, which the cluster lacks, is told', (type) => {
    expect(unused(type)).toEqual([
      'resources.gpu_type is not one of A100, H100, so the job may run on any node with GPUs',
    ]);
    expect(makeSpec({ 'resources.gpu_type': type }, { env }).placement).toBeUndefined();
  });

  test('is nothing to tell of where types are not set up or none is asked for', () => {
    expect(unused('L4', {})).toEqual([]);
    expect(unused(null)).toEqual([]);
    expect(unused('A100')).toEqual([]);
  });
});
