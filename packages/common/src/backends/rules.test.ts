import { describe, expect, test } from 'vitest';
import { type Changes, makeBody, parseValid } from '../../test/builders.ts';
import {
  atLeastGpus,
  COMMON_RULES,
  checkRules,
  methodIn,
  methodNeeds,
  nodesOfGpuType,
  providerIn,
  type Rule,
  secretsIn,
} from './rules.ts';

const check = (rules: readonly Rule[], changes: Changes) =>
  checkRules(rules, parseValid(makeBody(changes)), []);
const pathsOf = (changes: Changes) => check(COMMON_RULES, changes).map(({ path }) => path);

describe('rules of a backend', () => {
  test.each<[string, Rule, Changes, string | undefined]>([
    ['provider', providerIn('meta', 'huggingface'), {}, undefined],
    [
      'provider',
      providerIn('nemo', 'bim'),
      {},
      'base_model.provider must be one of nemo, bim for this service, but is huggingface.',
    ],
    ['method', methodIn('lora', 'peft'), {}, undefined],
    [
      'method',
      methodIn('lora', 'peft'),
      { 'customization.method': 'full' },
      'customization.method must be one of lora, peft for this service, but is full.',
    ],
    ['gpus', atLeastGpus(2), { 'resources.gpus': 2 }, undefined],
    [
      'gpus',
      atLeastGpus(2, ' (why)'),
      {},
      'resources.gpus must be at least 2 (why) for this service, but is 1.',
    ],
    ['full', methodNeeds('full', 'gpus', 4), { 'resources.gpus': 1 }, undefined],
    [
      'full',
      methodNeeds('full', 'memory_gb', 128),
      { 'customization.method': 'full', 'resources.memory_gb': 127 },
      'resources.memory_gb must be at least 128 for the method full, but is 127.',
    ],
    [
      'full',
      methodNeeds('full', 'memory_gb', 128),
      { 'customization.method': 'full', 'resources.memory_gb': 128 },
      undefined,
    ],
  ])('%s', (_, rule, changes, sentence) => {
    expect(check([rule], changes).map(({ message }) => message)).toEqual(
      sentence === undefined ? [] : [sentence],
    );
  });

  test('are told in their order, all of them', () => {
    const rules = [methodIn('full'), providerIn('nemo'), atLeastGpus(8)];
    expect(check(rules, {}).map(({ path }) => path)).toEqual([
      'customization.method',
      'base_model.provider',
      'resources.gpus',
    ]);
  });

  test.each([
    ['base_model', 'above'],
    ['base_model.provider', 'the same'],
  ])('are not asked about a field that the schema refused: %s (%s)', (path) => {
    const refused = [{ path, message: '' }];
    expect(checkRules([providerIn('nemo')], parseValid(makeBody()), refused)).toEqual([]);
    const other = [{ path: 'base_model.provider_hint', message: '' }];
    expect(checkRules([providerIn('nemo')], parseValid(makeBody()), other)).toHaveLength(1);
  });
});

describe('what a rule demands', () => {
  test.each([
    [providerIn('nemo', 'bim'), { field: 'base_model.provider', oneOf: ['nemo', 'bim'] }],
    [methodIn('lora'), { field: 'customization.method', oneOf: ['lora'] }],
    [atLeastGpus(2), { field: 'resources.gpus', minimum: 2 }],
    [
      methodNeeds('full', 'memory_gb', 128),
      { field: 'resources.memory_gb', minimum: 128, forMethod: 'full' },
    ],
  ])('is data as well, for descriptions and examples: %j', ({ demand }, expected) => {
    expect(demand).toEqual(expected);
  });
});

describe('a rule that is broken', () => {
  const odd = { 'resources.gpus': 3, 'extra_parameters.num_nodes': 2 };
  const nodes = { 'extra_parameters.resources_per_node': { 'nvidia.com/gpu': 8 } };
  const labels = { 'extra_parameters.job_labels': { 'a b': 'x' } };
  const annotations = { 'extra_parameters.job_annotations': { 'a b': 'x' } };
  const env = { 'extra_parameters.trainer_env': { PET_A: '' } };
  const openly = { 'extra_parameters.model_uri': 's3://b/m?sig=1' };
  const secret = { valueFrom: { secretKeyRef: { name: 's', key: 'k' } } };
  const full = { 'customization.method': 'full' };
  const onOthers = {
    'resources.gpu_type': 'A100',
    'extra_parameters.node_selector': { gpu: 'b' },
  };
  const gpuTypes = { A100: { nodeSelector: { gpu: 'a100' } } };

  test.each<[readonly Rule[], Changes, readonly string[]]>([
    [COMMON_RULES, odd, ['resources.gpus', 'extra_parameters.num_nodes']],
    [
      COMMON_RULES,
      { ...nodes, 'resources.gpus': 4 },
      [
        'resources.gpus',
        'extra_parameters.num_nodes',
        'extra_parameters.resources_per_node',
        'extra_parameters.resources_per_node.nvidia.com/gpu',
      ],
    ],
    [COMMON_RULES, labels, ['extra_parameters.job_labels', 'extra_parameters.job_annotations']],
    [COMMON_RULES, annotations, ['extra_parameters.job_annotations']],
    [COMMON_RULES, env, ['extra_parameters.trainer_env']],
    [
      COMMON_RULES,
      openly,
      ['job_id', 'base_model.auth_token', 'datasets[0].auth', 'artifacts', 'callbacks'],
    ],
    [COMMON_RULES, openly, ['extra_parameters.model_uri']],
    [
      [methodNeeds('full', 'gpus', 4)],
      full,
      ['resources.gpus', 'resources', 'customization.method'],
    ],
    [
      [nodesOfGpuType(gpuTypes)],
      onOthers,
      ['resources.gpu_type', 'extra_parameters.node_selector.gpu'],
    ],
    [
      [secretsIn([])],
      { 'extra_parameters.trainer_env': { A: secret } },
      ['extra_parameters.trainer_env.A'],
    ],
  ])('is not told where the schema refused what it reads: %# %j', (rules, changes, paths) => {
    const request = parseValid(makeBody(changes));
    const refusing = (path: string) => checkRules(rules, request, [{ path, message: '' }]);
    expect(refusing('tuning_parameters.learning_rate')).toHaveLength(1);
    for (const path of paths) expect(refusing(path), path).toEqual([]);
  });

  test('quotes no more than the beginning of a long name', () => {
    const name = `${'a'.repeat(90)} b`;
    for (const field of ['job_labels', 'trainer_env']) {
      const [found] = check(COMMON_RULES, { [`extra_parameters.${field}`]: { [name]: 'x' } });
      expect(found?.path).toBe(`extra_parameters.${field}.${'a'.repeat(80)}`);
    }
  });
});

describe('accelerators of the nodes', () => {
  const named = (resources_per_node: unknown, more = {}) => ({
    extra_parameters: { resources_per_node, ...more },
  });

  test.each<[Changes, string[]]>([
    [named({ 'nvidia.com/gpu': 8 }), []],
    [{ ...named({ 'nvidia.com/gpu': 8 }), 'resources.gpus': 8 }, []],
    [{ ...named({ 'nvidia.com/gpu': 8 }, { num_nodes: 2 }), 'resources.gpus': 16 }, []],
    [{ ...named({ cpu: 8 }), 'resources.gpus': 4 }, []],
    [
      { ...named({ 'nvidia.com/gpu': 8 }), 'resources.gpus': 4 },
      [
        'resources.gpus (4) contradicts extra_parameters.resources_per_node, which names 8 nvidia.com/gpu for each of 1 node.',
      ],
    ],
    [
      { ...named({ 'nvidia.com/mig-1g.10gb': 1 }, { num_nodes: 3 }), 'resources.gpus': 4 },
      [
        'resources.gpus (4) contradicts extra_parameters.resources_per_node, which names 1 nvidia.com/mig-1g.10gb for each of 3 nodes.',
      ],
    ],
  ])('%j', (changes, sentences) => {
    expect(check(COMMON_RULES, changes).map(({ message }) => message)).toEqual(sentences);
  });

  test('count for the rules of a service', () => {
    expect(check([atLeastGpus(8)], named({ 'amd.com/gpu': 4 }, { num_nodes: 2 }))).toEqual([]);
  });
});

describe('nodes of a gpu_type', () => {
  const rule = nodesOfGpuType({ A100: { nodeSelector: { gpu: 'a100' } } });
  const withNodes = (node_selector: unknown) => ({
    'resources.gpu_type': 'A100',
    extra_parameters: { node_selector },
  });

  test('are no others than those that the request selects', () => {
    expect(check([rule], withNodes({ gpu: 'a100', zone: 'a' }))).toEqual([]);
    expect(check([nodesOfGpuType({ A100: {} })], withNodes({ gpu: 'h100' }))).toEqual([]);
    expect(check([nodesOfGpuType({})], withNodes({ gpu: 'h100' }))).toEqual([]);
    expect(check([rule], withNodes({ gpu: 'h100' })).map(({ message }) => message)).toEqual([
      'extra_parameters.node_selector.gpu (h100) contradicts resources.gpu_type A100, whose nodes have a100 there.',
    ]);
  });
});

describe('variables of the trainer', () => {
  const withEnv = (trainer_env: unknown) => ({ extra_parameters: { trainer_env } });

  test.each(['TRAINER_DEVICE', 'TRAINER_ENGINE_FALLBACK', 'TRAINER_REPORTS_TOKEN'])(
    '%s is the operator\u2019s',
    (name) => {
      expect(pathsOf(withEnv({ [name]: 'x' }))).toEqual([`extra_parameters.trainer_env.${name}`]);
    },
  );

  test('may have other names that begin alike', () => {
    expect(pathsOf(withEnv({ TRAINER_OF_MINE: 'x' }))).toEqual([]);
  });

  test('refer to the Secrets alone that the operator allows', () => {
    const from = (name: string) => ({ valueFrom: { secretKeyRef: { name, key: 'k' } } });
    const changes = withEnv({ A: from('mine'), B: from('yours'), C: 'x' });
    expect(check([secretsIn(['mine'])], changes)).toEqual([
      {
        path: 'extra_parameters.trainer_env.B',
        message:
          'extra_parameters.trainer_env.B must not refer to the Secret yours, which TRAINER_ALLOWED_SECRETS of this service does not list.',
      },
    ]);
    expect(check([secretsIn([])], changes)).toHaveLength(2);
  });
});

describe('gpus divide evenly over the nodes', () => {
  test.each([
    [4, 2, true],
    [4, 4, true],
    [0, 3, true],
    [4, 3, false],
    [2, 4, false],
  ])('%i over %i: %s', (gpus, num_nodes, isFine) => {
    const changes = { 'resources.gpus': gpus, 'extra_parameters.num_nodes': num_nodes };
    expect(pathsOf(changes)).toEqual(isFine ? [] : ['resources.gpus']);
  });
});

describe('labels and annotations', () => {
  test.each([
    ['team', 'a'],
    ['example.com/Team_1', 'A.b-c_9'],
    ['x', ''],
    ['kueue.x-k8s.io/priority-class', 'high'],
    ['a'.repeat(63), 'b'.repeat(63)],
  ])('label %s=%s is fine', (key, value) => {
    expect(pathsOf({ 'extra_parameters.job_labels': { [key]: value } })).toEqual([]);
  });

  test.each([
    ['a b', 'x'],
    ['-a', 'x'],
    ['a/', 'x'],
    ['/a', 'x'],
    ['a/b/c', 'x'],
    ['Example.com/a', 'x'],
    ['a'.repeat(64), 'x'],
    ['trainer.deepfinery/backend', 'nemo'],
    ['trainer.deepfinery/own', 'x'],
    ['ok', 'a b'],
    ['ok', '-a'],
    ['ok', 'a/b'],
    ['ok', 'b'.repeat(64)],
  ])('label %s=%s is refused', (key, value) => {
    const violations = check(COMMON_RULES, { 'extra_parameters.job_labels': { [key]: value } });
    expect(violations.map(({ path }) => path)).toEqual([`extra_parameters.job_labels.${key}`]);
    expect(violations[0]?.message).toMatch(/\.$/);
  });

  test('an annotation may hold any text', () => {
    expect(pathsOf({ 'extra_parameters.job_annotations': { note: 'a b / c' } })).toEqual([]);
    expect(pathsOf({ 'extra_parameters.job_annotations': { 'trainer.deepfinery/x': '' } })).toEqual(
      ['extra_parameters.job_annotations.trainer.deepfinery/x'],
    );
  });

  test.each<[string, unknown]>([
    ['job_labels', { a: 'hf_abcdef' }],
    ['job_annotations', { a: 'https://user:pw@host/' }],
    ['job_annotations', { a: 'https://host/?sig=1' }],
    ['job_annotations', { 'my-token': 'x' }],
    ['job_annotations', { a: 'wandb-123' }],
    ['model_uri', 's3://key:secret@bucket/model'],
    ['model_uri', 's3://bucket/model?signature=x'],
    ['container_image', 'hf_abcdef/image:1'],
  ])('a secret in %s is refused and not repeated: %j', (field, value) => {
    const violations = check(COMMON_RULES, {
      'base_model.auth_token': 'hf_abcdef',
      'extra_parameters.trainer_env': { WANDB_API_KEY: 'wandb-123' },
      [`extra_parameters.${field}`]: value,
    });
    expect(violations.map(({ path }) => path)).toEqual([`extra_parameters.${field}`]);
    expect(JSON.stringify(violations)).not.toMatch(/hf_abcdef|user:pw|sig=1|wandb-123|key:secret/);
  });

  test('a label may repeat what a harmless variable or a user name says', () => {
    const changes = {
      'extra_parameters.trainer_env': { PROJECT: 'research' },
      'datasets.0.auth': { username: 'research' },
      'extra_parameters.job_labels': { project: 'research' },
    };
    expect(pathsOf(changes)).toEqual([]);
  });
});

describe('names of variables', () => {
  test.each(['A', '_a', 'my.var-1', 'HF_TOKEN', 'TRAININGS', 'PETS', 'MY_PET_A'])(
    '%s is fine',
    (name) => {
      expect(pathsOf({ 'extra_parameters.trainer_env': { [name]: 'x' } })).toEqual([]);
    },
  );

  test.each([
    ...['', '1A', 'A B', 'A=B', 'ä', 'a'.repeat(254)],
    ...['TRAINING_JOB_ID', 'TRAINING_X', 'PET_NNODES', 'PET_'],
  ])('%j is refused', (name) => {
    const found = check(COMMON_RULES, { 'extra_parameters.trainer_env': { [name]: 'V4LUE' } });
    expect(found).toHaveLength(1);
    expect(JSON.stringify(found)).not.toContain('V4LUE');
  });
});

test('every violation is found at once', () => {
  const changes = {
    'resources.gpus': 3,
    'extra_parameters.num_nodes': 2,
    'extra_parameters.job_labels': { 'a b': 'x', ok: 'a b' },
    'extra_parameters.trainer_env': { PET_A: '', '1': '' },
    'extra_parameters.model_uri': 's3://b/m?sig=1',
  };
  expect(pathsOf(changes)).toEqual([
    'resources.gpus',
    'extra_parameters.job_labels.a b',
    'extra_parameters.job_labels.ok',
    'extra_parameters.trainer_env.1',
    'extra_parameters.trainer_env.PET_A',
    'extra_parameters.model_uri',
  ]);
});

describe('evaluation', () => {
  const two = [{ source: 's3://b/a.jsonl' }, { source: 's3://b/b.jsonl' }];

  test.each<[string, Changes, string[]]>([
    ['a share', { 'extra_parameters.evaluation': { share: 0.1 } }, []],
    ['one of two datasets', { datasets: two, 'extra_parameters.evaluation': { dataset: 1 } }, []],
    [
      'a dataset and a share',
      { datasets: two, 'extra_parameters.evaluation': { dataset: 1, share: 0.1 } },
      ['extra_parameters.evaluation.share must not stand beside dataset.'],
    ],
    [
      'a dataset that is not there',
      { datasets: two, 'extra_parameters.evaluation': { dataset: 2 } },
      ['extra_parameters.evaluation.dataset must be less than the number of datasets (2).'],
    ],
    [
      'the only dataset',
      { 'extra_parameters.evaluation': { dataset: 0 } },
      ['extra_parameters.evaluation.dataset leaves no dataset to train on.'],
    ],
  ])('by %s', (_, changes, expected) => {
    expect(check(COMMON_RULES, changes).map(({ message }) => message)).toEqual(expected);
  });
});
