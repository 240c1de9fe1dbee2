import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Changes,
  makeBody,
  makeGuideBody,
  parseValid,
  render,
} from '../../../../test/builders.ts';
import { MAX_REQUEST_BYTES } from '../../../jobs/job-environment.ts';
import { toJobIdHash, toJobName } from '../../../jobs/job-name.ts';
import { identifyRequest } from '../../../requests/asked-forms.ts';
import { parseTrainingRequest } from '../../../requests/parse-training-request.ts';
import { toRenderedEcho } from './job-spec-echo.ts';
import type { ClusterCapabilities } from './manifest.ts';

type Options = Parameters<typeof render>[1];

// biome-ignore lint/suspicious/noExplicitAny: what stands in the spec is what these tests are about.
const specOf = (...given: Parameters<typeof render>): any => render(...given).manifest.spec;

describe('metadata', () => {
  test('names the job for machines and for people', () => {
    const { manifest } = render({ job_id: 'Job:1' });
    expect(manifest).toMatchObject({
      apiVersion: 'trainer.kubeflow.org/v1alpha1',
      kind: 'TrainJob',
      metadata: {
        name: toJobName('meta', 'Job:1'),
        namespace: 'jobs',
        labels: {
          'trainer.deepfinery/backend': 'meta',
          'trainer.deepfinery/job-id-hash': toJobIdHash('meta', 'Job:1'),
        },
        annotations: { 'trainer.deepfinery/job-id': 'Job:1' },
      },
    });
  });

  test('carries the labels of the request, of which ours win', () => {
    const { labels, annotations } = render({
      extra_parameters: {
        queue_name: 'gpu-queue',
        job_labels: {
          team: 'a',
          'kueue.x-k8s.io/queue-name': 'other',
          'trainer.deepfinery/backend': 'fake',
        },
        job_annotations: { note: 'b', 'trainer.deepfinery/job-id': 'fake' },
      },
    }).manifest.metadata;
    expect(labels).toEqual({
      team: 'a',
      'kueue.x-k8s.io/queue-name': 'gpu-queue',
      'trainer.deepfinery/backend': 'meta',
      'trainer.deepfinery/job-id-hash': toJobIdHash('meta', 'job-1'),
    });
    expect(annotations).toEqual({ note: 'b', 'trainer.deepfinery/job-id': 'job-1' });
  });
});

describe('spec', () => {
  test('of a small request holds what Trainer needs and no more', () => {
    const amounts = { cpu: '8', memory: '64Gi', 'nvidia.com/gpu': '1' };
    const spec = specOf({}, {}, { steps: [] });
    expect(spec).toEqual({
      runtimeRef: {
        name: 'test-runtime',
        kind: 'ClusterTrainingRuntime',
        apiGroup: 'trainer.kubeflow.org',
      },
      trainer: {
        env: expect.any(Array),
        numNodes: 1,
        numProcPerNode: 1,
        resourcesPerNode: { requests: amounts, limits: amounts },
      },
      runtimePatches: [expect.any(Object)],
    });
  });

  test('divides the GPUs over the nodes', () => {
    const { trainer } = specOf({ 'resources.gpus': 8, 'extra_parameters.num_nodes': 2 });
    expect(trainer).toMatchObject({ numNodes: 2, numProcPerNode: 4 });
    expect(trainer.resourcesPerNode.limits['nvidia.com/gpu']).toBe('4');
  });

  test('sends image, command and args when something names them', () => {
    const extra_parameters = { container_image: 'i:1', command: ['c'], trainer_args: ['a'] };
    expect(specOf({ extra_parameters }).trainer).toMatchObject({
      image: 'i:1',
      command: ['c'],
      args: ['a'],
    });
  });

  test('sets a deadline where the cluster knows it, and says so where not', () => {
    const changes = { 'resources.max_duration_minutes': 10 };
    expect(specOf(changes).activeDeadlineSeconds).toBe(600);
    expect(render(changes).warnings).toEqual([]);
    const old = render(changes, {}, { hasActiveDeadline: false });
    expect(old.manifest.spec).not.toHaveProperty('activeDeadlineSeconds');
    expect(old.warnings).toEqual([expect.stringContaining('resources.max_duration_minutes')]);
    expect(specOf({})).not.toHaveProperty('activeDeadlineSeconds');
  });
});

/** Kubeflow's initializers read no session token. */
const SESSION = {
  aws_access_key_id: 'AK',
  aws_secret_access_key: 'SK',
  aws_session_token: 'ST',
};

describe('initializers', () => {
  const two = [0, 1].map((n) => ({ source: `s3://b/${n}`, format: 'csv' }));

  test.each<[string, Changes, Partial<ClusterCapabilities>, object | undefined]>([
    ['one dataset', {}, {}, { dataset: 's3://bucket/data.jsonl' }],
    [
      'an at sign in its key',
      { 'datasets.0.source': 's3://b/me@x.csv' },
      {},
      { dataset: 's3://b/me@x.csv' },
    ],
    ['hf', { 'datasets.0.source': 'hf://org/set' }, {}, { dataset: 'hf://org/set' }],
    ['two datasets', { datasets: two }, {}, undefined],
    ['a path', { 'datasets.0.source': '/data/x.csv' }, {}, undefined],
    ['a scheme that none reads', { 'datasets.0.source': 'https://h/x' }, {}, undefined],
    ['a signature', { 'datasets.0.source': 's3://b/x?sig=1' }, {}, undefined],
    ['a user info', { 'datasets.0.source': 's3://u:p@b/x' }, {}, undefined],
    ['a runtime without the step', {}, { steps: ['model-initializer'] }, undefined],
    [
      'a model',
      { 'extra_parameters.model_uri': 'hf://org/m' },
      {},
      { dataset: 's3://bucket/data.jsonl', model: 'hf://org/m' },
    ],
    [
      'a model and two datasets',
      { datasets: two, 'extra_parameters.model_uri': 's3://b/m' },
      {},
      { model: 's3://b/m' },
    ],
    [
      'a model that the runtime cannot load',
      { 'extra_parameters.model_uri': 's3://b/m' },
      { steps: ['dataset-initializer'] },
      { dataset: 's3://bucket/data.jsonl' },
    ],
    ['keys of a session', { 'artifacts.auth': SESSION }, {}, undefined],
    [
      'keys of a session that a role renews',
      { 'artifacts.auth': { ...SESSION, role_arn: 'arn' } },
      {},
      { dataset: 's3://bucket/data.jsonl' },
    ],
    [
      'keys of a session, where the dataset is of the hub',
      { 'artifacts.auth': SESSION, datasets: [{ source: 'hf://org/rows' }] },
      {},
      { dataset: 'hf://org/rows' },
    ],
    [
      'keys of a session for the model alone',
      {
        'artifacts.auth': SESSION,
        'datasets.0.auth': { aws_access_key_id: 'AK2', aws_secret_access_key: 'SK2' },
        'extra_parameters.model_uri': 's3://b/m',
      },
      {},
      { dataset: 's3://bucket/data.jsonl' },
    ],
  ])('with %s', (_, changes, target, expected) => {
    const { initializer } = specOf(changes, {}, target);
    const uris =
      initializer &&
      Object.fromEntries(
        Object.entries(initializer as Record<string, { storageUri: string }>).map(
          ([step, { storageUri }]) => [step, storageUri],
        ),
      );
    expect(uris).toEqual(expected);
  });

  test('take single keys of the Secret, never all of them', () => {
    const changes = { 'artifacts.auth': { aws_access_key_id: 'AK' } };
    const { initializer } = specOf(changes);
    expect(initializer.dataset).not.toHaveProperty('secretRef');
    expect(initializer.dataset.env).toEqual([
      {
        name: 'ACCESS_KEY_ID',
        valueFrom: {
          secretKeyRef: { name: toJobName('meta', 'job-1'), key: 'AWS_ACCESS_KEY_ID' },
        },
      },
    ]);
  });
});

describe('pods', () => {
  const env = {
    TRAINER_TRAINING_SERVICE_ACCOUNT: 'trainer',
    TRAINER_GPU_TYPES: JSON.stringify({
      A100: { nodeSelector: { gpu: 'a100' }, tolerations: [{ key: 'gpu', operator: 'Exists' }] },
    }),
  };
  const changes = { 'resources.gpu_type': 'A100' };
  const node = {
    serviceAccountName: 'trainer',
    nodeSelector: { gpu: 'a100' },
    tolerations: [{ key: 'gpu', operator: 'Exists' }],
  };
  const loading = { serviceAccountName: 'trainer' };
  const { labels, annotations } = render().manifest.metadata;
  const metadata = { labels, annotations };
  const steps = ['dataset-initializer'];

  test('are patched as the release of the cluster spells it', () => {
    const patched = (podPatchField: ClusterCapabilities['podPatchField']) =>
      specOf(changes, { env }, { podPatchField, steps });
    const replicated = (name: string, spec: object) => ({
      name,
      template: { spec: { template: { metadata, spec } } },
    });
    expect(patched('runtimePatches').runtimePatches).toEqual([
      {
        manager: expect.stringMatching(/^[a-z.]+\/[a-z-]+$/),
        trainingRuntimeSpec: {
          template: {
            spec: {
              replicatedJobs: [
                replicated('node', node),
                replicated('dataset-initializer', loading),
              ],
            },
          },
        },
      },
    ]);
    expect(patched('podTemplateOverrides').podTemplateOverrides).toEqual([
      { targetJobs: [{ name: 'node' }], metadata, spec: node },
      { targetJobs: [{ name: 'dataset-initializer' }], metadata, spec: loading },
    ]);
    expect(patched('podSpecOverrides').podSpecOverrides).toEqual([
      { targetJobs: [{ name: 'node' }], ...node },
      { targetJobs: [{ name: 'dataset-initializer' }], ...loading },
    ]);
  });

  test('say of which job they are, where the release of the cluster lets them, and no more', () => {
    const of = (podPatchField: ClusterCapabilities['podPatchField']) =>
      specOf({ job_id: 'a:b' }, {}, { podPatchField, steps: [] });
    const [patch] = of('runtimePatches').runtimePatches;
    const { replicatedJobs } = patch.trainingRuntimeSpec.template.spec;
    const { labels } = render({ job_id: 'a:b' }).manifest.metadata;
    const own = { labels, annotations: { 'trainer.deepfinery/job-id': 'a:b' } };
    expect(replicatedJobs).toEqual([
      { name: 'node', template: { spec: { template: { metadata: own } } } },
    ]);
    expect(of('podTemplateOverrides').podTemplateOverrides).toEqual([
      { targetJobs: [{ name: 'node' }], metadata: own },
    ]);
    expect(of('podSpecOverrides')).not.toHaveProperty('podSpecOverrides');
    const onlyPlacement = { env: { TRAINER_GPU_TYPES: env.TRAINER_GPU_TYPES } };
    const spec = specOf(changes, onlyPlacement, { podPatchField: 'podSpecOverrides', steps });
    expect(spec.podSpecOverrides).toHaveLength(1);
  });
});

describe('resources per node', () => {
  const resourcesOf = (changes: Changes) => specOf(changes).trainer.resourcesPerNode;

  test.each<[string, Changes, Record<string, string>]>([
    ['defaults', {}, { cpu: '8', memory: '64Gi', 'nvidia.com/gpu': '1' }],
    ['no GPU is asked for none', { 'resources.gpus': 0 }, { cpu: '8', memory: '64Gi' }],
    ['own resources', { 'extra_parameters.resources_per_node': { cpu: 2 } }, { cpu: '2' }],
  ])('%s', (_, changes, amounts) => {
    expect(resourcesOf(changes)).toEqual({ requests: amounts, limits: amounts });
  });

  test('limits alone stay alone', () => {
    const limits = { cpu: '2' };
    expect(resourcesOf({ 'extra_parameters.resources_per_node': { limits } })).toEqual({ limits });
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
    expect(specOf(changes, { env: settings }).runtimeRef).toEqual({ name, kind, apiGroup });
  });
});

describe('gpu_type', () => {
  const A100 = { nodeSelector: { gpu: 'a100' } };
  const env = { TRAINER_GPU_TYPES: JSON.stringify({ A100, H100: {} }) };
  const warningsOf = (gpu_type: string | null, settings: Record<string, string> = env) =>
    render({ 'resources.gpu_type': gpu_type }, { env: settings }).warnings;

  test.each(['L4', 'constructor', 'toString'])('%s, which the cluster lacks, is told', (type) => {
    expect(warningsOf(type)).toEqual([
      'resources.gpu_type is not one of A100, H100, so the job may run on any node with GPUs',
    ]);
    expect(JSON.stringify(specOf({ 'resources.gpu_type': type }, { env }))).not.toContain(
      'nodeSelector',
    );
  });

  test('is told where types are not set up', () => {
    expect(warningsOf('L4', {})).toEqual([
      'resources.gpu_type is not mapped by TRAINER_GPU_TYPES, so the job may run on any node with GPUs',
    ]);
  });

  test('is nothing to tell of where none is asked for', () => {
    expect(warningsOf(null)).toEqual([]);
    expect(warningsOf('A100')).toEqual([]);
  });
});

describe('what initializers leave to the training', () => {
  const two = ['s3://b/a.csv', 's3://b/b.csv'].map((source) => ({ source }));

  test.each<[string, Changes, string[]]>([
    ['gs://', { 'datasets.0.source': 'gs://b/a.jsonl' }, ['datasets[0].source must be loaded']],
    [
      'a second dataset',
      { datasets: two },
      ['datasets[0].source and datasets[1].source must be loaded'],
    ],
    [
      'weights elsewhere',
      { 'base_model.weights_url': 'https://h/w' },
      ['base_model.weights_url must be loaded'],
    ],
    [
      'a model elsewhere',
      { 'extra_parameters.model_uri': 'gs://b/m' },
      ['extra_parameters.model_uri must be loaded'],
    ],
    [
      'what needs keys of a session',
      { 'artifacts.auth': SESSION, 'extra_parameters.model_uri': 's3://b/m' },
      ['datasets[0].source must be loaded', 'extra_parameters.model_uri must be loaded'],
    ],
    ['nothing', { 'extra_parameters.model_uri': 'hf://o/m' }, []],
  ])('is told: %s', (_, changes, sentences) => {
    const { warnings } = render(changes);
    expect(warnings).toEqual(sentences.map((sentence) => expect.stringContaining(sentence)));
    expect(render(changes, {}, { steps: [] }).warnings).toEqual([]);
  });
});

describe('where pods run', () => {
  const A100 = { nodeSelector: { gpu: 'a100' }, tolerations: [{ key: 'gpu' }] };
  const options = { env: { TRAINER_GPU_TYPES: JSON.stringify({ A100 }) } };
  const changes = {
    'resources.gpu_type': 'A100',
    extra_parameters: {
      node_selector: { zone: 'a' },
      tolerations: [{ key: 'spot', operator: 'Exists' }],
      image_pull_secrets: ['registry'],
      queue_name: 'team',
      priority_class_name: 'high',
    },
  };

  test('is what request and operator say together', () => {
    const { manifest, warnings } = render(changes, options, {
      podPatchField: 'podTemplateOverrides',
      steps: [],
    });
    expect(manifest.spec.podTemplateOverrides).toEqual([
      {
        targetJobs: [{ name: 'node' }],
        metadata: expect.any(Object),
        spec: {
          nodeSelector: { gpu: 'a100', zone: 'a' },
          tolerations: [{ key: 'gpu' }, { key: 'spot', operator: 'Exists' }],
          imagePullSecrets: [{ name: 'registry' }],
        },
      },
    ]);
    expect(manifest.metadata.labels['kueue.x-k8s.io/priority-class']).toBe('high');
    expect(warnings).toEqual([]);
  });

  test('is told where the release lacks a field', () => {
    const { manifest, warnings } = render(changes, options, { podPatchField: 'podSpecOverrides' });
    expect(JSON.stringify(manifest)).not.toContain('imagePullSecrets');
    expect(warnings).toEqual([expect.stringContaining('image_pull_secrets is ignored')]);
  });
});

describe('how long a pod has to end', () => {
  const graceOf = (
    env: Record<string, string>,
    capabilities: Partial<ClusterCapabilities> = {},
  ) => {
    const { manifest, warnings } = render({}, { env }, { steps: [], ...capabilities });
    expect(warnings).toEqual([]);
    const { trainer } = manifest.spec as { trainer: { env: { name: string; value: string }[] } };
    return {
      told: trainer.env.filter(({ name }) => name === 'TRAINER_GRACE_SECONDS'),
      period: /"terminationGracePeriodSeconds":(\d+)/.exec(JSON.stringify(manifest))?.[1],
    };
  };
  const told = (value: string) => [{ name: 'TRAINER_GRACE_SECONDS', value }];

  test('is what the operator set, and ten seconds more than the training has to save', () => {
    const env = { TRAINER_GRACE_SECONDS: '300' };
    expect(graceOf(env)).toEqual({ told: told('300'), period: '310' });
    expect(graceOf(env, { podPatchField: 'podSpecOverrides' })).toMatchObject({ period: '310' });
    expect(graceOf({ TRAINER_GRACE_SECONDS: '0.5' })).toEqual({ told: told('0.5'), period: '11' });
  });

  test('is for the runtime to say where the operator says nothing', () => {
    expect(graceOf({})).toEqual({ told: [], period: undefined });
  });

  test('cannot be said to a release that lacks the field, only to the training', () => {
    const env = { TRAINER_GRACE_SECONDS: '300' };
    const lacking = { hasGracePeriod: false };
    expect(graceOf(env, lacking)).toEqual({ told: told('300'), period: undefined });
  });
});

describe('size', () => {
  const tooLarge = expect.objectContaining({ code: 'PAYLOAD_TOO_LARGE', status: 413 });
  const attempt = (changes: Changes, options: Options = {}) => {
    try {
      render(changes, options);
      return 'rendered';
    } catch (error) {
      return error;
    }
  };

  test('of the normalised request is 96 KiB at most', () => {
    const bare = JSON.stringify(parseValid(makeBody({ 'tuning_parameters.own': '' }))).length;
    const room = MAX_REQUEST_BYTES - bare;
    expect(MAX_REQUEST_BYTES).toBe(98_304);
    expect(attempt({ 'tuning_parameters.own': 'x'.repeat(room) })).toBe('rendered');
    expect(attempt({ 'tuning_parameters.own': 'x'.repeat(room + 1) })).toEqual(tooLarge);
    expect(attempt({ 'tuning_parameters.own': 'ä'.repeat(room / 2 + 1) })).toEqual(tooLarge);
  });

  test('counts what comes from the Secret too', () => {
    const trainer_env = { BIG: 'x'.repeat(MAX_REQUEST_BYTES) };
    expect(attempt({ extra_parameters: { trainer_env } })).toEqual(tooLarge);
  });
});

describe('credentials', () => {
  const FIELDS = [
    ...['base_model.auth_token', 'base_model.huggingface_token', 'callbacks.auth_header'],
    ...['datasets.0.auth', 'datasets.1.auth', 'artifacts.auth'].flatMap((auth) =>
      [
        ...['token', 'username', 'password'],
        ...['aws_access_key_id', 'aws_secret_access_key', 'aws_session_token'],
      ].map((field) => `${auth}.${field}`),
    ),
    ...['tuning_parameters.hub_token', 'extra_parameters.wandbApiKey', 'api_key'],
    'extra_parameters.unsloth.hub_token',
  ];
  const URLS = [
    ...['base_model.weights_url', 'artifacts.status_stream_url', 'artifacts.log_uri'],
    ...['datasets.0.source', 'datasets.1.source', 'tuning_parameters.eval_url'],
  ];
  const secret = fc.stringMatching(/^ZQ[A-Za-z0-9+/=._$-]{6,30}QZ$/);
  const planted = fc.record({
    fields: fc.array(secret, { minLength: FIELDS.length, maxLength: FIELDS.length }),
    queries: fc.array(secret, { minLength: URLS.length, maxLength: URLS.length }),
    env: fc.array(secret, { minLength: 1, maxLength: 3 }),
    hook: secret,
    isReused: fc.boolean(),
    datasetCount: fc.constantFrom(1, 2),
    isEnvList: fc.boolean(),
  });

  test('stand in no manifest, echo, warning, or asked form, wherever a request has them', () => {
    fc.assert(
      fc.property(planted, (plan) => {
        const [first] = plan.fields;
        const dataset = () => ({ source: 's3://bucket/x.csv', format: 'csv' });
        const env = plan.env.map((value, index) => ({ name: `OWN_${index}`, value }));
        const body = makeBody({
          datasets: Array.from({ length: 2 }, dataset),
          'callbacks.webhook_url': `https://hook/x?s=${plan.hook}`,
          'callbacks.event_filter': ['failed'],
          'extra_parameters.trainer_args': ['--token', plan.isReused ? `a=${first}` : 'none'],
          'extra_parameters.trainer_env': plan.isEnvList
            ? env
            : Object.fromEntries(env.map(({ name, value }) => [name, value])),
          ...Object.fromEntries(FIELDS.map((path, index) => [path, plan.fields[index]])),
          ...Object.fromEntries(
            URLS.map((path, index) => [path, `https://host/x?s=${plan.queries[index]}`]),
          ),
          'tuning_parameters.note': plan.isReused ? `see ${first}` : 'none',
        });
        if (plan.datasetCount === 1) (body.datasets as unknown[]).pop();
        const { request, warnings } = parseTrainingRequest(body);
        if (request === undefined) throw new Error('the body is not valid');
        const { asked } = identifyRequest(body, request);
        // The trait is what the Unsloth backend gives.
        const traits = {
          env: { UNSLOTH_OPTIONS_JSON: JSON.stringify(request.extra_parameters.unsloth) },
        };
        const rendered = render(body, { traits });
        const shown = [
          JSON.stringify(rendered.manifest),
          JSON.stringify(toRenderedEcho(rendered.manifest)),
          JSON.stringify([...warnings, ...rendered.warnings]),
        ];
        const secrets = [...plan.fields, ...plan.queries, ...plan.env, plan.hook];
        for (const text of shown) for (const value of secrets) expect(text).not.toContain(value);
        // A text of the trainer's own that repeats a credential is asked for, and stays with the job.
        if (!plan.isReused) {
          for (const value of secrets) expect(JSON.stringify(asked)).not.toContain(value);
        }
      }),
      { numRuns: 50 },
    );
  });

  test('of the guide are references to single keys of the job’s own Secret', () => {
    const { manifest, secrets } = render(makeGuideBody());
    expect(secrets).toEqual({
      HF_TOKEN: 'hf_launchpad_token',
      AWS_ROLE_ARN: 'arn:aws:iam::123:role/FineTune',
    });
    const text = JSON.stringify(manifest);
    for (const value of ['hf_xxx', 'hf_launchpad_token', 'mytoken', 'envFrom', 'webhook']) {
      expect(text).not.toContain(value);
    }
    const { trainer } = manifest.spec as { trainer: { env: object[] } };
    expect(trainer.env).toContainEqual({
      name: 'HF_TOKEN',
      valueFrom: { secretKeyRef: { name: manifest.metadata.name, key: 'HF_TOKEN' } },
    });
  });

  test('that a Secret holds are all referred to, and every reference is held', () => {
    const { manifest, secrets } = render(makeGuideBody({ 'artifacts.auth': { token: 't' } }));
    const keys = new Set(
      [...JSON.stringify(manifest).matchAll(/"key":"([^"]+)"/g)].map((m) => m[1]),
    );
    expect([...keys].sort()).toEqual(Object.keys(secrets).sort());
  });
});
