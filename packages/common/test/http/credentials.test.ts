import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { createLogger } from '../../src/logger.ts';
import { makeRequest, startTestService, type TestAnswer } from '../start-test-service.ts';
import { startWebhookReceiver } from '../webhook-receiver.ts';

/** One text of its own for each place of a request that may hold a credential. */
const planted = new Map<string, string>();
function secret(place: string): string {
  const text = `S3cr3t-${place}-${planted.size}`;
  planted.set(place, text);
  return text;
}
const auth = (place: string) => ({
  token: secret(`${place}-token`),
  username: secret(`${place}-username`),
  password: secret(`${place}-password`),
  aws_access_key_id: secret(`${place}-key`),
  aws_secret_access_key: secret(`${place}-secret`),
  aws_session_token: secret(`${place}-session`),
  role_arn: 'arn:aws:iam::1:role/r',
});
const signed = (place: string) =>
  `https://${secret(`${place}-user`)}:${secret(`${place}-pass`)}@host.test/x?sig=${secret(`${place}-query`)}`;

function makeSecretRequest(webhookUrl: string): Record<string, unknown> {
  const argument = secret('argument');
  return makeRequest({
    job_id: 'secrets',
    base_model: {
      provider: 'meta',
      model_name: 'm',
      auth_token: secret('auth-token'),
      huggingface_token: secret('hf-token'),
      weights_url: signed('weights'),
    },
    customization: { peft: { use: true, config: { api_key: secret('peft') } } },
    datasets: [
      { source: signed('dataset'), format: 'jsonl', auth: auth('dataset') },
      { source: 's3://b/x', format: 'csv', auth: auth('dataset2') },
    ],
    artifacts: {
      log_uri: 's3://b/logs/',
      output_uri: signed('output'),
      status_stream_url: signed('stream'),
      auth: auth('artifacts'),
    },
    tuning_parameters: { wandb_api_key: secret('tuning'), report_to: signed('tuning-url') },
    callbacks: { webhook_url: webhookUrl, auth_header: `Bearer ${secret('auth-header')}` },
    extra_parameters: {
      trainer_env: { MY_KEY: secret('env'), LOUD: argument, LINK: signed('env-url') },
      trainer_command: ['train', `--key=${argument}`],
      trainer_args: [
        ...['--url', signed('argument-url'), '--hub_token', secret('argument-after')],
        ...[`--api-key=${secret('argument-assigned')}`, `WANDB_API_KEY=${secret('argument-env')}`],
      ],
      password: secret('extra'),
      nested: { deep: [{ access_token: secret('nested') }] },
      mock: { submitted_seconds: 0, running_seconds: 0.2, outcome: 'failed' },
    },
  });
}

it('never shows a credential: not in answers, logs at trace level, errors or metrics', async () => {
  const logged: string[] = [];
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      logged.push(String(chunk));
      done();
    },
  });
  const logger = createLogger('test', { logLevel: 'trace' }, stream);

  const token = secret('api-token');
  const query = secret('hook-query');
  // First a failure, so that a delivery leaves a trace in logs and in the list of attempts.
  const receiver = await startWebhookReceiver({ answers: ['reset', 200] });
  await using service = await startTestService({ env: { TRAINER_API_TOKEN: token }, logger });
  const headers = { 'x-trainer-token': token };
  const request = makeSecretRequest(`${receiver.url}?sig=${query}`);
  const bad = { ...request, job_id: 'bad', resources: { gpus: 'many' } };
  const misplaced = {
    ...request,
    job_id: 'b',
    datasets: secret('misplaced'),
    customization: secret('odd'),
  };
  const broken = JSON.stringify(request).replace('"S3cr3t', 'S3cr3t');
  const get = (path: string) => service.request(path, { headers });

  const answers: TestAnswer[] = [];
  const keep = async (answer: Promise<TestAnswer>) => {
    answers.push(await answer);
    return answer;
  };
  expect((await keep(service.post('/train', request, headers))).body).toMatchObject({
    status: 'submitted',
  });
  await keep(service.post('/train', request, headers));
  await keep(service.post('/train', { ...request, resources: { gpus: 7 } }, headers));
  await keep(service.post('/train', bad, headers));
  await keep(service.post('/train', misplaced, headers));
  await keep(service.post('/train', broken, headers));
  await keep(service.post('/train', request, { 'x-trainer-token': `${token}x` }));
  await keep(get('/train/secrets'));
  const final = await receiver.next(({ json }) => json.status === 'failed');
  expect(final.headers.authorization).toBe(`Bearer ${planted.get('auth-header')}`);
  await keep(get('/train/secrets'));
  await keep(get('/train/secrets/deliveries'));
  await keep(service.post('/train/secrets/cancel', undefined, headers));
  await keep(get(`/train/secrets?token=${token}`));
  await keep(get('/metrics'));
  await keep(get('/openapi.json'));
  await service.close();
  await receiver.close();

  expect(answers.map(({ status }) => status)).toEqual([
    200, 200, 409, 400, 400, 400, 403, 200, 200, 200, 200, 200, 200, 200,
  ]);
  const shown = [
    ...answers.map(({ text, headers: sent }) => `${text} ${JSON.stringify([...sent])}`),
    ...logged,
    ...receiver.requests.map(({ body }) => body),
  ];
  expect(logged.length).toBeGreaterThan(10);
  for (const [place, text] of planted) {
    const where = shown.find((output) => output.includes(text));
    expect(where, `the credential of ${place} is shown`).toBeUndefined();
  }
  expect(planted.size).toBeGreaterThan(40);
});
