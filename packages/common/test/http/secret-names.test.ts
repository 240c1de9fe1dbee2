import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errors } from '../../src/errors.ts';
import { toJobName } from '../../src/jobs/job-name.ts';
import type { JobStore } from '../../src/jobs/job-store.ts';
import { identifyRequest } from '../../src/requests/asked-forms.ts';
import { parseTrainingRequest } from '../../src/requests/parse-training-request.ts';
import { createKeptLog } from '../kept-log.ts';
import { makeDraft, makePayload } from '../make-draft.ts';
import {
  makeRequest,
  startTestService,
  TestBackend,
  type TestService,
} from '../start-test-service.ts';

const TOKEN = 'hf_CANARY0123456789wxyz';
const HEADER_TOKEN = 'CANARYofTheHook0123456789';
const HOOK = 'https://hooks.example.com/services/T024BE7LD/CANARYx7JkQ2mV9pLr4TnW8';

let service: TestService;
let store: JobStore;
beforeAll(async () => {
  service = await startTestService({
    decorate: {
      platform: (platform) => {
        ({ store } = platform);
        return platform;
      },
      webhookClient: (client) => client,
    },
  });
});
afterAll(() => service.close());

const base_model = { provider: 'meta', model_name: 'm', huggingface_token: TOKEN };
const make = (job_id: string, changes: object) => makeRequest({ job_id, base_model, ...changes });

describe('a credential as a name is refused, and shown by no answer', () => {
  it.each([
    ['', { [TOKEN]: 1 }],
    ['base_model', { base_model: { ...base_model, [TOKEN]: 1 } }],
    ['tuning_parameters', { tuning_parameters: { [TOKEN]: 1 } }],
    ['customization.peft.config', { customization: { peft: { config: { [TOKEN]: 1 } } } }],
    ['extra_parameters.deep[0]', { extra_parameters: { deep: [{ [TOKEN]: { [TOKEN]: 2 } }] } }],
    [
      'extra_parameters.job_labels',
      { extra_parameters: { job_labels: { [`a.b/${TOKEN}`]: 'x' } } },
    ],
    ['extra_parameters.trainer_env', { extra_parameters: { trainer_env: { [TOKEN]: 'x' } } }],
    [
      'extra_parameters.trainer_env',
      { extra_parameters: { trainer_env: [{ name: TOKEN, value: 'x' }] } },
    ],
    [
      'extra_parameters.mirrors',
      { extra_parameters: { mirrors: { 'https://h.example/?sig=CANARY': 1 } } },
    ],
    [
      'extra_parameters.note',
      {
        callbacks: { webhook_url: 'https://h.example/', auth_header: `Bearer ${HEADER_TOKEN}` },
        extra_parameters: { note: { [HEADER_TOKEN]: 1 } },
      },
    ],
  ])('in %j', async (path, changes) => {
    const request = make('named', changes);
    const posted = await service.post('/train', request);
    const planned = await service.post('/plans', request);
    const message = expect.stringMatching(/as the name of a part of it \(number \d+ of them\)/);
    const named = { path, message };
    expect([posted.status, posted.body.errors[0]]).toEqual([400, named]);
    expect(planned.body).toMatchObject({ valid: false, errors: [named] });
    expect(posted.text + planned.text).not.toContain('CANARY');
  });

  it('beside what else is wrong, as far as that does not show it', async () => {
    const request = make('named', {
      base_model: { ...base_model, provider: 'none' },
      resources: { gpus: -1 },
      extra_parameters: { trainer_env: { [`no ${TOKEN}`]: 'y' } },
    });
    const { status, body, text } = await service.post('/train', request);
    expect(status).toBe(400);
    const paths = body.errors.map((each: { path: string }) => each.path);
    expect(paths).toEqual([
      'base_model.provider',
      'resources.gpus',
      'extra_parameters.trainer_env',
    ]);
    expect(text).not.toContain('CANARY');
  });
});

it('a credential of a listed variable is known where the list is refused, too', async () => {
  const listed = 'CANARY0123456789listed';
  const trainer_env = [{ name: 'WANDB_API_KEY', value: listed }, { name: 'A' }];
  const request = make('named', { extra_parameters: { trainer_env, [listed]: 1 } });
  const { status, body, text } = await service.post('/train', request);
  expect([status, body.errors.at(-1).path]).toEqual([400, 'extra_parameters']);
  expect(text).not.toContain('CANARY');
});

it('neither the log nor another answer shows a credential that was refused as a name', async () => {
  const { lines, logger } = createKeptLog();
  await using logged = await startTestService({ logger });
  const request = make('named', { [TOKEN]: 1, tuning_parameters: { [TOKEN]: 1 } });
  expect((await logged.post('/train', request)).status).toBe(400);
  const paths = ['/train/named', '/train/named/request', '/train/named/logs', '/train'];
  const answers = await Promise.all(paths.map((path) => logged.request(path)));
  expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 200]);
  for (const { text } of answers) expect(text).not.toContain('CANARY');
  expect(lines.length).toBeGreaterThan(answers.length);
  expect(JSON.stringify(lines)).not.toContain('CANARY');
});

it('the number of a name tells which of them is meant', async () => {
  const tuning_parameters = { learning_rate: 1e-4, lr_scheduler: 'cosine', [TOKEN]: 1 };
  const { body } = await service.post('/train', make('named', { tuning_parameters }));
  expect(body.detail).toBe(
    'tuning_parameters must not have a credential, nor a URL with one, as the name of a part of it (number 3 of them): names are shown.',
  );
});

it('no part of a token is shown where a sentence cuts a long name', async () => {
  const trainer_env = { [`no ${'x'.repeat(64)} ${TOKEN}`]: 'y' };
  const { text } = await service.post(
    '/train',
    make('named', { extra_parameters: { trainer_env } }),
  );
  expect(text).toContain('as the name of a part of it');
  expect(text).not.toContain('hf_CANARY');
});

describe('a word that somebody has for a credential may stand in a name', () => {
  const withToken = (huggingface_token: string) => ({
    base_model: { ...base_model, huggingface_token },
  });
  const withHeader = (auth_header: string, extra_parameters: object) => ({
    callbacks: { webhook_url: 'https://h.example/', auth_header },
    extra_parameters,
  });
  it.each<[string, object]>([
    [
      'placeholders of a form',
      {
        ...withToken('string'),
        datasets: [{ source: 's3://b/d.jsonl', auth: { token: 'string', password: 'string' } }],
        callbacks: { webhook_url: 'https://h.example/', auth_header: 'string' },
        tuning_parameters: { stringify: true },
      },
    ],
    ['a variable', { extra_parameters: { trainer_env: { db_password: 'password' } } }],
    [
      'its own variable',
      { extra_parameters: { trainer_env: [{ name: 'WANDB_API_KEY', value: 'WANDB_API_KEY' }] } },
    ],
    [
      'its own long variable',
      {
        extra_parameters: {
          trainer_env: { TEAM7B42_X9_WANDB1A_API_KEY: 'TEAM7B42_X9_WANDB1A_API_KEY' },
        },
      },
    ],
    [
      'node_selector',
      withHeader('Bearer kubernetes', { node_selector: { 'kubernetes.io/arch': 'amd64' } }),
    ],
    [
      'tolerations',
      withHeader('Bearer nvidia', { tolerations: [{ key: 'nvidia.com/gpu', operator: 'Exists' }] }),
    ],
    ['queue_name', withHeader('Bearer training', { queue_name: 'training' })],
    [
      'a longer queue_name',
      withHeader('Bearer training-studio-2024', { queue_name: 'training-studio-2024' }),
    ],
    ['job_labels', withHeader('Bearer studio', { job_labels: { app: 'training-studio' } })],
    [
      'image_pull_secrets',
      withHeader('Bearer secret', { image_pull_secrets: ['registry-secret'] }),
    ],
    ['tuning_parameters', { ...withToken('dataset'), tuning_parameters: { dataset_num_proc: 2 } }],
    [
      'runtime_ref',
      {
        ...withToken('kubeflow'),
        extra_parameters: { runtime_ref: { name: 'r', apiGroup: 'trainer.kubeflow.org' } },
      },
    ],
    ['an address', { extra_parameters: { mirrors: { 'https://me@h.example/?lang=en&sig=': 1 } } }],
  ])('%s', async (name, changes) => {
    const request = make(name.replaceAll(' ', '-'), changes);
    const { body } = await service.post('/plans', request);
    expect(body).toMatchObject({ valid: true, errors: [] });
    expect((await service.post('/train', request)).status).toBe(200);
  });
});

it('a word after the scheme of a header is withheld nowhere, so that a rerun needs nothing', async () => {
  const artifacts = { log_uri: 's3://training/logs', output_uri: 's3://training/out' };
  const callbacks = { webhook_url: 'https://h.example/', auth_header: 'Bearer training' };
  const extra_parameters = { queue_name: 'training' };
  const own = { provider: 'meta', model_name: 'm' };
  await service.post(
    '/train',
    make('word', { base_model: own, artifacts, callbacks, extra_parameters }),
  );
  const { body } = await service.request('/train/word/request');
  expect(body.request).toMatchObject({ artifacts, extra_parameters });
  expect(body.withheld).toEqual([]);
});

describe('a request that an earlier version accepted', () => {
  const request = make('earlier', { tuning_parameters: { [TOKEN]: 1 } });
  const keep = (body: Record<string, unknown>) => {
    const parsed = parseTrainingRequest(body);
    if (parsed.request === undefined) throw new Error('the schema refuses it');
    const { asked, fingerprints } = identifyRequest(body, parsed.request);
    const { name: backend } = new TestBackend();
    const { job_id: id } = parsed.request;
    const draft = { ...fingerprints, backend, name: toJobName(backend, id), hasWebhook: false };
    return store.create(makeDraft(id, draft), makePayload({ asked, callback: undefined }));
  };

  it('is repeated as ever, also with other credentials', async () => {
    expect((await service.post('/train', request)).status).toBe(400);
    expect(await keep(request)).toMatchObject({ outcome: 'created' });
    const fresh = { ...base_model, auth_token: 'hf_CANARYfresh0123456789', weights_url: null };
    for (const body of [request, { ...request, base_model: fresh }]) {
      const repeated = await service.post('/train', body);
      expect(repeated.status).toBe(200);
      expect(repeated.headers.get('idempotent-replayed')).toBe('true');
      expect(repeated.headers.get('location')).toBe('/train/earlier');
      expect(repeated.text).not.toContain('CANARY');
    }
  });

  it('is refused where its content is another', async () => {
    const other = { ...request, tuning_parameters: { [TOKEN]: 2 } };
    const { status, body, text } = await service.post('/train', other);
    expect([status, body.code]).toEqual([400, 'INVALID_REQUEST']);
    expect(text).not.toContain('CANARY');
  });

  it('is refused as such where nothing can be looked up', async () => {
    const { get } = store;
    store.get = async () => {
      throw errors.clusterUnreachable();
    };
    try {
      expect((await service.post('/train', { ...request, job_id: 'unknown' })).status).toBe(400);
    } finally {
      store.get = get;
    }
  });
});

it('names of our own are no credentials, whatever word a password is', async () => {
  const auth = { password: 'learning', username: 'epochs' };
  const datasets = [{ source: 's3://bucket/data.jsonl', format: 'jsonl', auth }];
  const tuning_parameters = { learning_rate: 1e-4, epochs: 2 };
  const { status } = await service.post('/train', make('plain', { datasets, tuning_parameters }));
  expect(status).toBe(200);
});

describe('a credential in the text of another field', () => {
  it.each([
    ['node_selector', { pool: TOKEN }],
    ['tolerations', [{ key: 'pool', value: TOKEN }]],
  ])('is refused in extra_parameters.%s, which many can read', async (field, value) => {
    const answer = await service.post(
      '/train',
      make('sight', { extra_parameters: { [field]: value } }),
    );
    expect(answer.status).toBe(400);
    expect(answer.body.errors).toEqual([
      {
        path: `extra_parameters.${field}`,
        message: `extra_parameters.${field} must not hold a credential, nor a URL with a user name, a password or a query.`,
      },
    ]);
    expect(answer.text).not.toContain('CANARY');
  });

  it('may stand in a label of nodes as a name alone', async () => {
    const extra_parameters = { node_selector: { 'example.com/api-key': 'yes' } };
    expect((await service.post('/train', make('nodes', { extra_parameters }))).status).toBe(200);
  });

  it('is masked in the detail of a simulated failure, its events and its list', async () => {
    const mock = { submitted_seconds: 0, running_seconds: 0, outcome: 'failed' };
    const reason = `no access with ${TOKEN}`;
    await service.post('/train', make('told', { extra_parameters: { mock: { ...mock, reason } } }));
    for (let after = 0, status = ''; status !== 'failed'; ) {
      const { body } = await service.request(`/train/told?wait=30&after=${after}`);
      ({ revision: after, status } = body);
    }
    const paths = ['/train/told', '/train/told/events', '/train?reason=TRAINING_FAILED'];
    const answers = await Promise.all(paths.map((path) => service.request(path)));
    expect(answers[0]?.body.detail).toBe('no access with [redacted]');
    for (const { text } of answers) expect(text).not.toContain('CANARY');
  });

  it('is masked in the place of the whole log', async () => {
    const artifacts = { log_uri: `s3://b/${TOKEN}/logs`, output_uri: 's3://b/out' };
    await service.post('/train', make('kept', { artifacts }));
    const { text } = await service.request('/train/kept/logs');
    expect(text).toContain('archive: [redacted]/kept');
    expect(text).not.toContain('CANARY');
  });

  it('is withheld where it is the token of an auth_header, or a webhook with a secret path', async () => {
    const request = make('hooked', {
      callbacks: { webhook_url: HOOK, auth_header: `Bearer ${HEADER_TOKEN}` },
      artifacts: { log_uri: 's3://b/l', output_uri: 's3://b/o', status_stream_url: HOOK },
      extra_parameters: { trainer_args: ['--hook', HEADER_TOKEN] },
    });
    expect((await service.post('/train', request)).status).toBe(200);
    const patched = await service.request('/train/hooked/callbacks', {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ event_filter: ['failed'] }),
    });
    expect(patched.body.webhook_url).toBe(
      'https://hooks.example.com/services/T024BE7LD/[redacted]',
    );
    const { body } = await service.request('/train/hooked/request');
    expect(body.withheld).toEqual(
      expect.arrayContaining(['artifacts.status_stream_url', 'extra_parameters.trainer_args[1]']),
    );
    const paths = ['', '/request', '/events', '/deliveries', '/logs'];
    const answers = paths.map((path) => service.request(`/train/hooked${path}`));
    for (const { text } of await Promise.all(answers)) expect(text).not.toContain('CANARY');
  });
});
