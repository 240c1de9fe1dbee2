import { describe, expect, test } from 'vitest';
import { makeBody, parseValid } from '../../test/builders.ts';
import { parseTrainingRequest } from './parse-training-request.ts';

const parsed = (name: string, value: unknown) =>
  parseValid(makeBody({ [`extra_parameters.${name}`]: value })).extra_parameters[name];
const messages = (name: string, value: unknown) =>
  parseTrainingRequest(makeBody({ [`extra_parameters.${name}`]: value })).violations.map(
    ({ message }) => message,
  );

describe('accepted', () => {
  const env = { A: 'text', B: '1.5', C: 'true', D: '' };
  const eight = { cpu: '8', memory: '64Gi' };

  test.each<[string, unknown, unknown]>([
    ['runtime_ref', { name: 'r' }, { name: 'r' }],
    [
      'runtime_ref',
      { name: 'r.x-1', kind: 'TrainingRuntime', apiGroup: 'trainer.kubeflow.org' },
      { name: 'r.x-1', kind: 'TrainingRuntime', apiGroup: 'trainer.kubeflow.org' },
    ],
    ['container_image', 'nvcr.io/nvidia/nemo:24.03', 'nvcr.io/nvidia/nemo:24.03'],
    ['container_image', 'host:5000/a/b@sha256:00ff', 'host:5000/a/b@sha256:00ff'],
    ['num_nodes', 4, 4],
    ['num_proc_per_node', 8, 8],
    ['resources_per_node', { cpu: 8, memory: '64Gi' }, { requests: eight, limits: eight }],
    ['resources_per_node', { limits: { cpu: '2' } }, { limits: { cpu: '2' } }],
    [
      'resources_per_node',
      { limits: { 'x.y/gpu': '2', cpu: 1 }, requests: null },
      { requests: { 'x.y/gpu': '2' }, limits: { 'x.y/gpu': '2', cpu: '1' } },
    ],
    [
      'resources_per_node',
      { requests: { 'nvidia.com/gpu': 8 } },
      { requests: { 'nvidia.com/gpu': '8' }, limits: { 'nvidia.com/gpu': '8' } },
    ],
    ['node_selector', { 'gpu.kind': 'a100', spot: true }, { 'gpu.kind': 'a100', spot: 'true' }],
    [
      'tolerations',
      [{ key: 'gpu', operator: 'Exists', value: null, effect: 'NoSchedule' }],
      [{ key: 'gpu', operator: 'Exists', effect: 'NoSchedule' }],
    ],
    ['image_pull_secrets', ['a', { name: 'b' }], ['a', 'b']],
    ['priority_class_name', 'high', 'high'],
    ['resources_per_node', { requests: { cpu: '500m' } }, { requests: { cpu: '500m' } }],
    ['trainer_args', ['--a b', '$HOME', ''], ['--a b', '$HOME', '']],
    ['trainer_args', '--epochs 3', ['--epochs', '3']],
    ['trainer_env', { A: 'text', B: 1.5, C: true, D: '', E: null }, env],
    [
      'trainer_env',
      [
        { name: 'A', value: 'text' },
        { name: 'B', value: 1.5 },
        { name: 'C', value: true },
        { name: 'D' },
      ],
      env,
    ],
    [
      'trainer_env',
      [{ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }],
      { A: { valueFrom: { secretKeyRef: { name: 's', key: 'k' } } } },
    ],
    [
      'trainer_env',
      { A: { valueFrom: { secretKeyRef: { name: 's', key: 'k' } } } },
      { A: { valueFrom: { secretKeyRef: { name: 's', key: 'k' } } } },
    ],
    ['job_labels', { team: 'a', 'x.y/z': 1, on: true }, { team: 'a', 'x.y/z': '1', on: 'true' }],
    ['job_annotations', { note: 'any text: yes' }, { note: 'any text: yes' }],
    ['model_uri', 'hf://org/model', 'hf://org/model'],
    ['queue_name', 'team-a.gpu', 'team-a.gpu'],
    [
      'mock',
      { running_seconds: 0.5, outcome: 'never' },
      { running_seconds: 0.5, outcome: 'never' },
    ],
    [
      'mock',
      { submitted_seconds: 0, reason: 'x' },
      expect.objectContaining({ submitted_seconds: 0 }),
    ],
  ])('%s: %j', (name, given, expected) => {
    expect(JSON.parse(JSON.stringify(parsed(name, given)))).toEqual(expected);
  });
});

describe('refused', () => {
  const SECRET = 'hf_S3CR3T';

  test.each<[string, unknown]>([
    ['runtime_ref', 'name'],
    ['runtime_ref', {}],
    ['runtime_ref', { name: 'Not Valid' }],
    ['runtime_ref', { name: 'r', kind: 'Deployment' }],
    ['container_image', 'a b'],
    ['container_image', `https://u:${SECRET}@h/ x`],
    ['num_nodes', 0],
    ['num_nodes', 1.5],
    ['num_nodes', '2'],
    ['num_proc_per_node', 'auto'],
    ['resources_per_node', { cpu: 'eight' }],
    ['resources_per_node', { cpu: -1 }],
    ['resources_per_node', { requests: { memory: '64GB' } }],
    ['resources_per_node', { 'nvidia.com/gpu': 0.5 }],
    ['resources_per_node', { limits: { 'nvidia.com/mig-1g.10gb': '500m' } }],
    ['resources_per_node', { requests: { 'amd.com/gpu': 1 }, limits: { 'amd.com/gpu': 2 } }],
    ['tolerations', [{ operator: 'Exists' }]],
    ['tolerations', [{ key: 'node-role.kubernetes.io/control-plane', operator: 'Exists' }]],
    ['tolerations', [{ key: 'a', efect: 'NoSchedule' }]],
    ['node_selector', { 'not/a/key': 'x' }],
    ['node_selector', { gpu: 'not valid' }],
    ['image_pull_secrets', ['Not Valid']],
    ['priority_class_name', 'Not Valid'],
    ['resources_per_node', { requests: { cpu: '1' }, limit: { cpu: '1' } }],
    ['resources_per_node', []],
    ['trainer_command', { run: 1 }],
    ['trainer_command', `sh -c "echo ${SECRET}"`],
    ['trainer_command', 'a | b'],
    ['trainer_args', [1]],
    ['trainer_args', 7],
    ['trainer_env', `A=${SECRET}`],
    ['trainer_env', { A: [SECRET] }],
    ['trainer_env', [{ value: SECRET }]],
    [
      'trainer_env',
      [
        { name: 'A', value: SECRET },
        { name: 'A', value: 'x' },
      ],
    ],
    ['trainer_env', { A: `x\0${SECRET}` }],
    ['trainer_env', [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'x' } } }]],
    ['trainer_env', [{ name: 'A', valueFrom: { secretKeyRef: { name: 's' } } }]],
    [
      'trainer_env',
      [{ name: 'A', value: SECRET, valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }],
    ],
    ['job_labels', { a: [] }],
    ['job_annotations', 'x'],
    ['model_uri', 'org/model'],
    ['model_uri', 'hf://a b'],
    ['queue_name', 'Team A'],
    ['mock', { outcome: 'cancelled' }],
    ['mock', { running_seconds: -1 }],
    ['mock', { submitted_seconds: '1' }],
  ])('%s: %j, in one sentence that says what is accepted', (name, given) => {
    const found = messages(name, given);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(
      new RegExp(`^extra_parameters\\.${name}\\S* (must|is required|\\(\\d+\\) must)\\b.*\\.$`),
    );
    expect(found[0]).not.toContain(SECRET);
  });
});

test('a bad quantity is told by its place, in words', () => {
  expect(messages('resources_per_node', { requests: { memory: '64GB' } })).toEqual([
    'extra_parameters.resources_per_node.requests.memory must be a Kubernetes quantity such as 8, "500m" or "64Gi".',
  ]);
  expect(messages('resources_per_node', { 'nvidia.com/gpu': 0.5, cpu: 'x' })).toEqual([
    'extra_parameters.resources_per_node.nvidia.com/gpu must be a whole number, since a device is never shared.',
    'extra_parameters.resources_per_node.cpu must be a Kubernetes quantity such as 8, "500m" or "64Gi".',
  ]);
  const unequal = { requests: { 'nvidia.com/gpu': 1 }, limits: { 'nvidia.com/gpu': 2 } };
  expect(messages('resources_per_node', unequal)).toEqual([
    'extra_parameters.resources_per_node.limits.nvidia.com/gpu (2) must equal the requests (1).',
  ]);
});

test.each([
  ['trainer_command', 'a | b'],
  ['trainer_args', ['a\0']],
  ['resources_per_node', { cpu: 'x' }],
  ['trainer_env', [{ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: '' } } }]],
])('no refusal of %s shows a regular expression', (name, given) => {
  expect(messages(name, given).join()).not.toMatch(/pattern|\^|\[\^?[a-z]-/);
});
