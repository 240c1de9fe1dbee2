import { describe, expect, test } from 'vitest';
import { type Changes, makeBody, makeGuideBody, parseValid } from '../../test/builders.ts';
import { checkRules, providerIn } from '../backends/rules.ts';
import { parseTrainingRequest } from './parse-training-request.ts';

const violationsOf = (changes: Changes) => parseTrainingRequest(makeBody(changes)).violations;
const pathsOf = (changes: Changes) => violationsOf(changes).map(({ path }) => path);
const warningsOf = (changes: Changes) => parseTrainingRequest(makeBody(changes)).warnings;

describe('defaults', () => {
  const defaults = {
    customization: {
      method: 'lora',
      lora: { rank: 16, target_modules: 'all-linear', alpha: 32, dropout: 0.05 },
      trainable_layers: [],
      precision: 'bf16',
      gradient_checkpointing: true,
    },
    resources: { gpus: 1, cpus: 8, memory_gb: 64 },
    tuning_parameters: {
      learning_rate: 5e-5,
      batch_size: 32,
      num_epochs: 3,
      warmup_ratio: 0.1,
      max_sequence_length: 2048,
      weight_decay: 0.01,
    },
    extra_parameters: { num_nodes: 1 },
  };

  test('fill in all that a request leaves out', () => {
    const request = JSON.parse(JSON.stringify(parseValid(makeBody())));
    expect(request).toEqual({
      ...makeBody(),
      ...defaults,
      base_model: { ...(makeBody().base_model as object), revision: 'main' },
      datasets: [{ source: 's3://bucket/data.jsonl', format: 'jsonl', streaming: false }],
    });
  });

  test('fill in for every null, in sections and in fields', () => {
    const nulls = (...names: string[]) => Object.fromEntries(names.map((name) => [name, null]));
    const noCredentials = nulls('token', 'username', 'password', 'role_arn', 'aws_region');
    const sections = makeBody({
      customization: nulls(
        ...['method', 'rank', 'target_modules', 'lora_alpha', 'lora_dropout', 'lora', 'qlora'],
        ...['trainable_layers', 'precision', 'gradient_checkpointing', 'peft'],
      ),
      resources: nulls('gpus', 'gpu_type', 'cpus', 'memory_gb', 'max_duration_minutes'),
      tuning_parameters: nulls(
        ...['learning_rate', 'batch_size', 'micro_batch_size', 'num_epochs', 'warmup_ratio'],
        ...['max_sequence_length', 'weight_decay', 'gradient_checkpointing'],
      ),
      extra_parameters: nulls(
        ...['runtime_ref', 'container_image', 'num_nodes', 'num_proc_per_node', 'command', 'mock'],
        ...['resources_per_node', 'trainer_command', 'trainer_args', 'trainer_env', 'job_labels'],
        ...['job_annotations', 'model_uri', 'queue_name'],
      ),
      callbacks: nulls('webhook_url', 'auth_header', 'event_filter'),
      'base_model.revision': null,
      'base_model.weights_url': null,
      'base_model.auth_token': null,
      'base_model.huggingface_token': null,
      'datasets.0.split': null,
      'datasets.0.streaming': null,
      'datasets.0.auth': noCredentials,
      'artifacts.status_stream_url': null,
      'artifacts.auth': null,
    });
    const whole = makeBody({
      customization: null,
      resources: null,
      tuning_parameters: null,
      callbacks: null,
      extra_parameters: null,
    });
    expect(parseValid(whole)).toEqual(parseValid(makeBody()));
    expect(parseValid(sections)).toMatchObject(defaults);
    expect(JSON.stringify(parseValid(sections))).not.toContain('null');
    expect(parseTrainingRequest(sections).warnings).toEqual([]);
  });

  test('of qlora apply to the method qlora only', () => {
    const request = parseValid(makeBody({ 'customization.method': 'qlora' }));
    expect(request.customization.qlora).toEqual({
      use_double_quant: true,
      bnb_4bit_compute_dtype: 'bfloat16',
      bnb_4bit_quant_type: 'nf4',
    });
    expect(parseValid(makeBody()).customization.qlora).toBeUndefined();
  });
});

describe('two spellings', () => {
  const flat = { rank: 8, target_modules: ['q'], lora_alpha: 16, lora_dropout: 0.1 };
  const nested = { rank: 8, target_modules: ['q'], alpha: 16, dropout: 0.1 };

  test.each([
    ['flat', { ...flat }],
    ['nested', { lora: nested }],
    ['both alike', { ...flat, lora: nested }],
    ['half and half', { rank: 8, lora_alpha: 16, lora: { target_modules: ['q'], dropout: 0.1 } }],
    ['nulls in one', { ...flat, lora: { rank: null, alpha: null } }],
  ])('of LoRA, %s, become the nested one', (_, customization) => {
    const parsed = parseValid(makeBody({ customization }));
    expect(parsed.customization.lora).toEqual(nested);
    expect(parsed.customization).not.toHaveProperty('rank');
  });

  test.each<[unknown, unknown]>([
    ['all-linear', 'all-linear'],
    [[], 'all-linear'],
    [null, 'all-linear'],
    [['q_proj'], ['q_proj']],
  ])('of target_modules, %j, mean %j', (given, expected) => {
    for (const customization of [{ target_modules: given }, { lora: { target_modules: given } }]) {
      const parsed = parseValid(makeBody({ customization }));
      expect(parsed.customization.lora.target_modules).toEqual(expected);
    }
  });

  test.each([
    ['rank', { rank: 8, lora: { rank: 9 } }],
    ['target_modules', { target_modules: ['q'], lora: { target_modules: ['q', 'v'] } }],
    ['lora_alpha', { lora_alpha: 1, lora: { alpha: 2 } }],
    ['lora_dropout', { lora_dropout: 0, lora: { dropout: 1 } }],
  ])('of LoRA that differ in %s are refused by name', (field, customization) => {
    expect(pathsOf({ customization })).toEqual([`customization.${field}`]);
  });

  test.each([
    [{}, true],
    [{ 'customization.gradient_checkpointing': false }, false],
    [{ 'tuning_parameters.gradient_checkpointing': false }, false],
    [
      {
        'customization.gradient_checkpointing': false,
        'tuning_parameters.gradient_checkpointing': false,
      },
      false,
    ],
    [
      {
        'customization.gradient_checkpointing': null,
        'tuning_parameters.gradient_checkpointing': false,
      },
      false,
    ],
  ])('of gradient_checkpointing are one: %j', (changes: Changes, expected) => {
    const request = parseValid(makeBody(changes));
    expect(request.customization.gradient_checkpointing).toBe(expected);
    expect(request.tuning_parameters).not.toHaveProperty('gradient_checkpointing');
  });

  test('of gradient_checkpointing that differ are refused', () => {
    const changes = {
      'customization.gradient_checkpointing': true,
      'tuning_parameters.gradient_checkpointing': false,
    };
    expect(pathsOf(changes)).toEqual(['tuning_parameters.gradient_checkpointing']);
  });

  test.each([
    ['command', ['python', 'train.py']],
    ['trainer_command', ['python', 'train.py']],
    ['command', 'python train.py'],
    ['trainer_command', 'python  train.py'],
  ])('of the command, as %s: %j', (name, given) => {
    const { extra_parameters } = parseValid(makeBody({ [`extra_parameters.${name}`]: given }));
    expect(extra_parameters.trainer_command).toEqual(['python', 'train.py']);
    expect(extra_parameters).not.toHaveProperty('command');
  });

  test('of the command that differ are refused', () => {
    const extra_parameters = { command: ['a'], trainer_command: ['b'] };
    expect(pathsOf({ extra_parameters })).toEqual(['extra_parameters.command']);
  });
});

describe('pass-through', () => {
  test('keeps what the trainer alone knows', () => {
    const own = { scheduler: 'cosine', betas: [0.9, 0.95], nested: { a: null }, text: '' };
    const request = parseValid(makeBody({ tuning_parameters: own, extra_parameters: own }));
    expect(request.tuning_parameters).toMatchObject(own);
    expect(request.extra_parameters).toMatchObject(own);
  });

  test('says nothing of names that resemble none', () => {
    expect(warningsOf({ extra_parameters: { scheduler: 1 } })).toEqual([]);
  });

  test('takes an empty credential for none, as forms send it', () => {
    const changes = { 'base_model.huggingface_token': '', 'datasets.0.auth': { token: '' } };
    const { base_model, datasets } = parseValid(makeBody(changes));
    expect(base_model.huggingface_token).toBeUndefined();
    expect(datasets[0]?.auth?.token).toBeUndefined();
  });
});

describe('warnings', () => {
  test.each([
    ['customization.lora_rnak', 'lora.rank'],
    ['customization.lora.rnak', 'rank'],
    ['customization.qlora.use_double_qant', 'use_double_quant'],
    ['customization.peft.confg', 'config'],
    ['base_model.modelname', 'model_name'],
    ['resources.gpu', 'gpus'],
    ['datasets.0.sauce', 'source'],
    ['datasets.0.auth.aws_access_key', 'aws_access_key_id'],
    ['artifacts.logs_uri', 'log_uri'],
    ['artifacts.auth.pasword', 'password'],
    ['callbacks.webhookUrl', 'webhook_url'],
    ['extra_parameters.mock.outcom', 'outcome'],
    ['extra_parameters.runtime_ref.apigroup', 'apiGroup'],
    ['dataset', 'datasets'],
  ])('name %s with the nearest name', (path, nearest) => {
    const runtime = path.includes('runtime_ref')
      ? { 'extra_parameters.runtime_ref.name': 'r' }
      : {};
    const changes = { 'customization.method': 'qlora', ...runtime, [path]: {} };
    const shown = path.replace('.0.', '[0].');
    expect(warningsOf(changes)).toEqual([
      `${shown} is not a known field and is ignored; the nearest known name is ${nearest}`,
    ]);
  });

  test.each([
    ['tuning_parameters.learing_rate', 'learning_rate'],
    ['extra_parameters.num_node', 'num_nodes'],
  ])('ask whether %s is a misspelling, and pass it on', (path, nearest) => {
    expect(warningsOf({ [path]: 7 })).toEqual([
      `${path} is passed to the trainer as it is; did you mean ${nearest}?`,
    ]);
  });

  test('name what a variable of a list holds besides name and value', () => {
    const trainer_env = [{ name: 'A', valu: 'x' }];
    const warnings = warningsOf({ extra_parameters: { trainer_env } });
    expect(warnings).toEqual([expect.stringContaining('extra_parameters.trainer_env[0].valu')]);
  });

  test('say nothing of an alias, nor of keys that are not ours', () => {
    const changes = {
      'extra_parameters.command': ['x'],
      'extra_parameters.trainer_env': { lerning_rate: '1' },
      'extra_parameters.job_labels': { job_lable: 'x' },
      'customization.peft': { config: { task_type: 'CAUSAL_LM' } },
    };
    expect(warningsOf(changes)).toEqual([]);
  });

  test('tell that qlora is ignored with another method, as in the guide', () => {
    expect(parseTrainingRequest(makeGuideBody()).warnings).toEqual([
      'customization.qlora is ignored, since customization.method is lora',
      'base_model.auth_token is ignored, since base_model.huggingface_token goes before it',
    ]);
  });

  test.each(['volumes', 'volumeMounts', 'security_context', 'affinity'])(
    'name %s, which nobody acts on',
    (name) => {
      expect(warningsOf({ [`extra_parameters.${name}`]: [] })).toEqual([
        `extra_parameters.${name} is not acted on; it belongs into the runtime`,
      ]);
    },
  );

  test('name a priority without a queue', () => {
    const changes = { 'extra_parameters.priority_class_name': 'high' };
    expect(warningsOf(changes)).toEqual([
      'extra_parameters.priority_class_name is ignored without extra_parameters.queue_name, since only Kueue acts on it',
    ]);
    expect(warningsOf({ ...changes, 'extra_parameters.queue_name': 'q' })).toEqual([]);
  });

  test('name resources of a node that hold no GPU', () => {
    const changes = { 'extra_parameters.resources_per_node': { cpu: 4 } };
    expect(warningsOf({ ...changes, 'resources.gpus': 2 })).toEqual([
      'extra_parameters.resources_per_node names no GPU, so the pods get none',
    ]);
    expect(warningsOf({ ...changes, 'resources.gpus': 0 })).toEqual([]);
  });

  test('name a second token, which is not used', () => {
    const changes = { 'base_model.auth_token': 'one', 'base_model.huggingface_token': 'two' };
    expect(warningsOf(changes)).toEqual([
      'base_model.auth_token is ignored, since base_model.huggingface_token goes before it',
    ]);
    expect(warningsOf({ ...changes, 'base_model.auth_token': 'two' })).toEqual([]);
  });

  test('never hold a value, and stay few', () => {
    const many = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`k${i}`, 's3cr3t']));
    const warnings = warningsOf({ resources: many });
    expect(warnings.length).toBeLessThan(30);
    expect(warnings.join()).not.toContain('s3cr3t');
  });
});

describe('violations', () => {
  const SECRET = 'hf_S3CR3T';

  test.each<[string, unknown, string]>([
    ['job_id', undefined, 'job_id is required and must be a text.'],
    ['job_id', null, 'job_id must be a text.'],
    ['job_id', '', 'job_id must be 1 to 128 characters of'],
    ['job_id', 'a/b', 'job_id must be 1 to 128 characters of'],
    ['job_id', 'a\n', 'job_id must be 1 to 128 characters of'],
    ['job_id', 'a'.repeat(129), 'job_id must be 1 to 128 characters of'],
    ['base_model', [], 'base_model must be a JSON object.'],
    ['base_model.provider', SECRET, 'base_model.provider must be one of nemo, nemotron, bim, meta'],
    ['base_model.model_name', '', 'base_model.model_name must not be empty.'],
    ['base_model.weights_url', SECRET, 'base_model.weights_url must be a URL such as'],
    [
      'base_model.weights_url',
      `https:/u:${SECRET}@h/`,
      'base_model.weights_url must be a URL such',
    ],
    ['base_model.auth_token', `a\n${SECRET}`, 'base_model.auth_token must be one line of text.'],
    ['base_model.auth_token', 1, 'base_model.auth_token must be a text.'],
    ['customization', 'x', 'customization must be a JSON object.'],
    ['customization.method', SECRET, 'customization.method must be one of full, lora, qlora'],
    ['customization.rank', 0, 'customization.rank must be at least 1.'],
    ['customization.rank', 1.5, 'customization.rank must be a whole number.'],
    ['customization.lora', { alpha: 0 }, 'customization.lora.alpha must be greater than 0.'],
    ['customization.lora_dropout', 1.1, 'customization.lora_dropout must be at most 1.'],
    ['customization.target_modules', 'q', 'must be a list of module names, or "all-linear".'],
    ['customization.precision', 'fp8', 'customization.precision must be one of fp32, fp16, bf16'],
    ['customization.gradient_checkpointing', 'yes', 'must be true or false.'],
    ['customization.qlora', { bnb_4bit_quant_type: 'x' }, 'must be one of nf4, fp4.'],
    ['customization.peft', { config: [] }, 'customization.peft.config must be a JSON object.'],
    ['resources.gpus', -1, 'resources.gpus must be at least 0.'],
    ['resources.gpus', '4', 'resources.gpus must be a number.'],
    ['resources.cpus', 0, 'resources.cpus must be at least 1.'],
    ['resources.memory_gb', 0, 'resources.memory_gb must be at least 1.'],
    ['resources.max_duration_minutes', 525_601, 'must be at most 525600.'],
    ['datasets', [], 'datasets must hold at least 1 element.'],
    ['datasets', {}, 'datasets must be a list.'],
    ['datasets.0.source', 'a\u0000b', 'datasets[0].source must be a URI or a path'],
    [
      'datasets.0.format',
      'xml',
      'datasets[0].format must be one of jsonl, parquet, csv, hf, nemo, auto.',
    ],
    ['datasets.0.streaming', 1, 'datasets[0].streaming must be true or false.'],
    ['datasets.0.auth', SECRET, 'datasets[0].auth must be a JSON object.'],
    ['artifacts.output_uri', undefined, 'artifacts.output_uri is required and must be a text.'],
    ['artifacts.status_stream_url', SECRET, 'artifacts.status_stream_url must be a URL such as'],
    ['tuning_parameters.learning_rate', 0, 'learning_rate must be greater than 0.'],
    ['tuning_parameters.warmup_ratio', 2, 'tuning_parameters.warmup_ratio must be at most 1.'],
    ['tuning_parameters.weight_decay', -1, 'tuning_parameters.weight_decay must be at least 0.'],
    ['tuning_parameters.batch_size', 0, 'tuning_parameters.batch_size must be at least 1.'],
    ['callbacks.webhook_url', 'ftp://h/', 'callbacks.webhook_url must be an http or https URL.'],
    ['callbacks.webhook_url', `https://u:${SECRET}@h/`, 'must hold no user name or password'],
    ['callbacks.auth_header', `a\r\nX: ${SECRET}`, 'must be the value of an HTTP header'],
    ['callbacks.event_filter', ['done'], 'callbacks.event_filter[0] must be one of submitted'],
  ])('tell of %s = %j in one sentence', (path, value, sentence) => {
    const found = violationsOf({ [path]: value });
    expect(found).toHaveLength(1);
    expect(found[0]?.message).toContain(sentence);
    expect(found[0]?.message).toMatch(/^\S.*\.$/);
    expect(JSON.stringify(found)).not.toContain(SECRET);
  });

  test('come all at once, conflicts and aliases too', () => {
    const paths = pathsOf({
      job_id: 'a b',
      'base_model.provider': 'x',
      'customization.precision': 'x',
      'customization.rank': 1,
      'customization.lora': { rank: 2 },
      'customization.gradient_checkpointing': true,
      'tuning_parameters.gradient_checkpointing': false,
      'tuning_parameters.batch_size': 0,
      'datasets.0.format': 'x',
      'artifacts.log_uri': '',
      'extra_parameters.command': ['a'],
      'extra_parameters.trainer_command': ['b'],
      'extra_parameters.num_nodes': 0,
    });
    expect(new Set(paths)).toEqual(
      new Set([
        'job_id',
        'base_model.provider',
        'customization.precision',
        'customization.rank',
        'tuning_parameters.gradient_checkpointing',
        'tuning_parameters.batch_size',
        'datasets[0].format',
        'artifacts.log_uri',
        'extra_parameters.command',
        'extra_parameters.num_nodes',
      ]),
    );
  });

  test.each<Changes>([
    {},
    { 'customization.target_modules': [1] },
    { 'customization.lora': { target_modules: ['q', 2] } },
    { 'callbacks.event_filter': ['nope'] },
    { 'extra_parameters.runtime_ref': { name: 'NOT VALID' } },
    { 'extra_parameters.trainer_env': 'x' },
    { 'extra_parameters.trainer_args': [1] },
    { 'extra_parameters.job_labels': { a: {} } },
    { 'extra_parameters.mock': { outcome: 'x', running_seconds: -1 } },
    { datasets: [1, 2] },
    { 'datasets.0.auth': 3, 'artifacts.auth': { token: 4 } },
    { job_id: undefined, datasets: undefined, artifacts: undefined },
  ])('leave a request that rules can look at: %j', (changes) => {
    const { request, violations } = parseTrainingRequest(makeBody(changes));
    const found = request && checkRules([providerIn('nemo')], request, violations);
    expect(found?.map(({ path }) => path)).toEqual(['base_model.provider']);
  });

  test('keep rules from judging what stands in for a refused value', () => {
    const { request, violations } = parseTrainingRequest(makeBody({ 'base_model.provider': 7 }));
    expect(request && checkRules([providerIn('nemo')], request, violations)).toEqual([]);
  });

  test('are bounded in number for a body of wrong elements', () => {
    const { violations } = parseTrainingRequest(makeBody({ datasets: Array(5000).fill(1) }));
    expect(violations.length).toBeLessThan(200);
  });
});
