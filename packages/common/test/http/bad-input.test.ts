import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProblemSchema } from '../../src/requests/problem.ts';
import {
  makeRequest,
  startTestService,
  type TestAnswer,
  type TestService,
} from '../start-test-service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.close());

function expectProblem(answer: TestAnswer, status: number, detail: RegExp): void {
  expect([answer.status, answer.body?.detail]).toEqual([status, expect.stringMatching(detail)]);
  expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  expect(ProblemSchema.parse(answer.body)).toEqual(answer.body);
  expect(answer.body.status).toBe(status);
  expect(answer.body.request_id).toBe(answer.headers.get('x-request-id'));
  expect(answer.text).not.toMatch(/node_modules|\.ts:\d|stack/);
  expect(answer.text.length).toBeLessThan(40_000);
}

const nested = (open: string, close: string) =>
  `{"job_id":"x","extra_parameters":{"a":${open.repeat(20_000)}1${close.repeat(20_000)}}}`;
const withRaw = (text: string) => JSON.stringify(makeRequest({ extra: '@' })).replace('"@"', text);
const bytes = (...parts: (string | number[])[]) =>
  Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))),
  );

describe('a body that is not a request', () => {
  it.each<[string, string | Uint8Array, RegExp]>([
    ['nothing', '', /^The body is empty/],
    ['white space', ' \n\t', /^The body is empty/],
    ['no JSON', 'job_id=x', /^The body is not valid JSON/],
    ['half of a JSON text', '{"job_id": "x", "base', /^The body is not valid JSON/],
    ['two JSON texts', '{}{}', /^The body is not valid JSON/],
    ['a comment', '{/* x */}', /^The body is not valid JSON/],
    ['NaN', withRaw('NaN'), /^The body is not valid JSON/],
    ['a byte order mark', '\ufeff{}', /^The body is not valid JSON/],
    ['invalid UTF-8', bytes('{"job_id":"', [0xff, 0xfe], '"}'), /^The body is not valid UTF-8/],
    ['UTF-8 cut in two', bytes('{"job_id":"', [0xe2, 0x82], '"}'), /^The body is not valid UTF-8/],
    ['an array', '[]', /^The body must be one JSON object/],
    ['a text', '"x"', /^The body must be one JSON object/],
    ['a number', '1', /^The body must be one JSON object/],
    ['null', 'null', /^The body must be one JSON object/],
    ['__proto__', '{"__proto__": {"job_id": "x"}}', /must not hold a key named __proto__/],
    ['__proto__ deep inside', withRaw('[{"a":{"__proto__":1}}]'), /named __proto__/],
    ['an escaped __proto__', withRaw('{"\\u005f_proto__":1}'), /named __proto__/],
    ['constructor', withRaw('{"constructor":{"prototype":1}}'), /named constructor/],
    ['20,000 brackets', nested('[', ']'), /nested deeper than 64 levels/],
    ['20,000 braces', nested('{"a":', '}'), /nested deeper than 64 levels/],
    ['20,000 open brackets', '['.repeat(20_000), /^The body is not valid JSON/],
    ['a number beyond reading', withRaw('1e999'), /number that is too large/],
    ['one deep inside', withRaw('[[-1e999]]'), /number that is too large/],
    ['an empty object', '{}', /job_id is required.*base_model is required.*datasets is required/],
  ])('%s is told so', async (_, body, detail) => {
    expectProblem(await service.post('/train', body), 400, detail);
  });

  it('nothing at all is told so', async () => {
    expectProblem(await service.post('/train'), 400, /^The body must be one JSON object/);
  });

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonx',
    'text/json',
    'application/xml',
    'x',
  ])('of type %s is told the right one', async (type) => {
    const headers = { 'content-type': type };
    const body = JSON.stringify(makeRequest());
    const answer = await service.request('/train', { method: 'POST', headers, body });
    expectProblem(answer, 415, /Content-Type: application\/json/);
  });

  it.each(['application/json', 'application/json;charset=UTF-8', 'APPLICATION/JSON'])(
    'of type %s is read',
    async (type) => {
      const body = JSON.stringify(makeRequest({ job_id: `type-${type.length}` }));
      const headers = { 'content-type': type };
      expect((await service.request('/train', { method: 'POST', headers, body })).status).toBe(200);
    },
  );

  it.each([
    ['gzip', 'without Content-Encoding gzip.'],
    ['br', 'without Content-Encoding br.'],
    ['deflate, gzip', 'without Content-Encoding deflate, gzip.'],
    ['<script>', 'without Content-Encoding.'],
  ])('that is compressed is told so: %s', async (encoding, sentence) => {
    const headers = { 'content-type': 'application/json', 'content-encoding': encoding };
    const body = gzipSync(JSON.stringify(makeRequest()));
    const answer = await service.request('/train', { method: 'POST', headers, body });
    expectProblem(answer, 415, /^The body must be sent as it is/);
    expect(answer.body.detail).toContain(sentence);
    expect(answer.body.code).toBe('UNSUPPORTED_MEDIA_TYPE');
  });

  it('may say that it is not encoded', async () => {
    const headers = { 'content-encoding': 'identity' };
    const body = makeRequest({ job_id: 'identity' });
    expect((await service.post('/train', body, headers)).status).toBe(200);
  });

  it('does not repeat what may be a credential', async () => {
    const answer = await service.post('/train', '{"auth_token": hf_very_secret}');
    expectProblem(answer, 400, /not valid JSON/);
    expect(answer.text).not.toContain('very_secret');
  });
});

describe('a value that is wrong', () => {
  const base = { provider: 'meta', model_name: 'm' };
  it.each<[string, Record<string, unknown>]>([
    ['job_id', { job_id: 7 }],
    ['job_id', { job_id: null }],
    ['job_id', { job_id: '' }],
    ['job_id', { job_id: 'x'.repeat(129) }],
    ['job_id', { job_id: '../x' }],
    ['job_id', { job_id: 'x\n' }],
    ['job_id', { job_id: 'ä' }],
    ['job_id', { job_id: 'x\u0000' }],
    ['base_model', { base_model: 'llama' }],
    ['base_model', { base_model: [] }],
    ['base_model.provider', { base_model: { ...base, provider: 'openai' } }],
    ['base_model.provider', { base_model: { ...base, provider: ['meta'] } }],
    ['base_model.model_name', { base_model: { ...base, model_name: '' } }],
    ['base_model.weights_url', { base_model: { ...base, weights_url: 'not a url' } }],
    ['customization.method', { customization: { method: 'LORA' } }],
    ['customization.rank', { customization: { rank: 0 } }],
    ['customization.rank', { customization: { rank: 1.5 } }],
    ['customization.rank', { customization: { rank: '16' } }],
    ['customization.lora_dropout', { customization: { lora_dropout: 1.1 } }],
    ['customization.rank', { customization: { rank: 8, lora: { rank: 16 } } }],
    ['resources.gpus', { resources: { gpus: -1 } }],
    ['resources.gpus', { resources: { gpus: true } }],
    ['resources.cpus', { resources: { cpus: 0 } }],
    ['resources.max_duration_minutes', { resources: { max_duration_minutes: 525_601 } }],
    ['datasets', { datasets: [] }],
    ['datasets', { datasets: {} }],
    ['datasets[0]', { datasets: [null] }],
    ['datasets[0].format', { datasets: [{ source: 's3://x', format: 'xml' }] }],
    ['datasets[0].streaming', { datasets: [{ source: 'x', format: 'csv', streaming: 'yes' }] }],
    ['artifacts.log_uri', { artifacts: { output_uri: 'x' } }],
    ['tuning_parameters.learning_rate', { tuning_parameters: { learning_rate: 0 } }],
    [
      'tuning_parameters.gradient_checkpointing',
      {
        customization: { gradient_checkpointing: true },
        tuning_parameters: { gradient_checkpointing: false },
      },
    ],
    ['callbacks.webhook_url', { callbacks: { webhook_url: 'ftp://x.test' } }],
    ['callbacks.webhook_url', { callbacks: { webhook_url: '/hook' } }],
    ['callbacks.auth_header', { callbacks: { webhook_url: 'http://x.test', auth_header: 'a\nb' } }],
    ['callbacks.event_filter[0]', { callbacks: { event_filter: ['done'] } }],
    ['extra_parameters.num_nodes', { extra_parameters: { num_nodes: 0 } }],
    ['extra_parameters.mock.outcome', { extra_parameters: { mock: { outcome: 'exploded' } } }],
    [
      'extra_parameters.mock.running_seconds',
      { extra_parameters: { mock: { running_seconds: -1 } } },
    ],
    [
      'extra_parameters.trainer_env.TRAINING_X',
      { extra_parameters: { trainer_env: { TRAINING_X: '' } } },
    ],
    ['extra_parameters.trainer_env.PET_X', { extra_parameters: { trainer_env: { PET_X: '1' } } }],
    ['extra_parameters.job_labels.a b', { extra_parameters: { job_labels: { 'a b': 'x' } } }],
    [
      'extra_parameters.job_labels.trainer.deepfinery/x',
      { extra_parameters: { job_labels: { 'trainer.deepfinery/x': 'x' } } },
    ],
    ['resources.gpus', { resources: { gpus: 3 }, extra_parameters: { num_nodes: 2 } }],
  ])('is named: %s', async (path, changes) => {
    const answer = await service.post('/train', makeRequest({ job_id: 'wrong', ...changes }));
    expectProblem(answer, 400, /./);
    expect(answer.body.code).toBe('INVALID_REQUEST');
    expect(answer.body.errors).toContainEqual({ path, message: expect.stringMatching(/.\.$/) });
    for (const { message } of answer.body.errors) expect(answer.body.detail).toContain(message);
  });

  it('is told together with all others, of schema and rules', async () => {
    const answer = await service.post(
      '/train',
      makeRequest({
        job_id: 'a b',
        customization: { rank: 0 },
        resources: { gpus: 3, cpus: 'many' },
        extra_parameters: { num_nodes: 2, trainer_env: { 'a b': '' } },
        callbacks: { webhook_url: 'http://169.254.169.254/' },
      }),
    );
    expectProblem(answer, 400, /job_id .*gpus .*169|job_id/);
    const paths = answer.body.errors.map(({ path }: { path: string }) => path).sort();
    expect(paths).toEqual([
      'callbacks.webhook_url',
      'customization.rank',
      'extra_parameters.trainer_env.a b',
      'job_id',
      'resources.cpus',
      'resources.gpus',
    ]);
  });

  it('is told a hundred times at most', async () => {
    const datasets = Array(100_000).fill(0);
    const answer = await service.post('/train', makeRequest({ datasets }));
    expectProblem(answer, 400, /There are more violations than these\.$/);
    expect(answer.body.errors).toHaveLength(100);
  });

  it('takes the last of duplicate keys, as JSON parsers do', async () => {
    const body = JSON.stringify(makeRequest()).replace('{', '{"job_id":"first",');
    expect((await service.post('/train', body)).body.job_id).toBe('job-1');
  });
});

describe('a path that is wrong', () => {
  it.each<[string, number, RegExp]>([
    ['/train/%2e%2e%2f', 404, /a job_id must be/],
    ['/train/%2e%2e%2f%2e%2e%2fetc%2fpasswd', 404, /a job_id must be/],
    ['/train/%00', 404, /a job_id must be/],
    ['/train/a%20b', 404, /a job_id must be/],
    ['/train/%F0%9F%98%80', 404, /a job_id must be/],
    [`/train/${'a'.repeat(300)}`, 404, /1 to 128 characters/],
    [`/train/${'a'.repeat(5000)}`, 404, /this long/],
    ['/train/__proto__', 404, /No job __proto__/],
    ['/train/constructor', 404, /No job constructor/],
    ['/train/%', 400, /escape/],
    ['/train/%zz', 400, /escape/],
    ['/train/%ff', 400, /escape/],
    ['/train/%c0%ae', 400, /escape/],
  ])('%s', async (path, status, detail) => {
    expectProblem(await service.request(path), status, detail);
    if (status === 404) {
      expectProblem(await service.request(`${path}/cancel`, { method: 'POST' }), status, detail);
    }
  });
});
