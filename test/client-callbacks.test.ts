import { CallbackError, TrainerClient, verifyCallback } from '@trainer/client';
import { makeRequest, startTestService, startWebhookReceiver } from '@trainer/common/testing';
import { Webhook } from 'standardwebhooks';
import { expect, it, onTestFinished } from 'vitest';

const SECRET = `whsec_${Buffer.from('a secret of some thirty bytes').toString('base64')}`;
const OTHER = `whsec_${Buffer.from('another one of thirty bytes').toString('base64')}`;
const EVENT = { job_id: 'job-1', status: 'running' };

function signed(body = JSON.stringify(EVENT), at = new Date(), secret = SECRET) {
  const headers = {
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': new Webhook(secret).sign('msg_1', at, body),
  };
  return { body, headers };
}

function refusalOf(...args: Parameters<typeof verifyCallback>): string {
  try {
    verifyCallback(...args);
  } catch (error) {
    if (error instanceof CallbackError) return error.code;
    throw error;
  }
  return 'none';
}

it('believes what a service sends', async () => {
  const receiver = await startWebhookReceiver();
  onTestFinished(() => receiver.close());
  await using service = await startTestService({
    env: { TRAINER_CALLBACK_SIGNING_SECRETS: `${OTHER},${SECRET}` },
  });
  const client = new TrainerClient({ baseUrl: service.url });
  const callbacks = { webhook_url: receiver.url, auth_header: 'Bearer hook' };
  await client.submit(makeRequest({ callbacks }) as never);
  const received = await receiver.next(({ json }) => json.status === 'succeeded');
  const { id, event } = verifyCallback(received, { secrets: SECRET, authorization: 'Bearer hook' });
  expect(id).toBe(received.headers['webhook-id']);
  expect(event).toMatchObject({ job_id: 'job-1', status: 'succeeded', reason: 'COMPLETED' });
  const tampered = { ...received, body: received.body.replace('succeeded', 'failed') };
  expect(refusalOf(tampered, { secrets: SECRET })).toBe('WRONG_SIGNATURE');
});

it('agrees with the library of Standard Webhooks', () => {
  const { body, headers } = signed();
  const verified = { id: 'msg_1', event: EVENT };
  expect(verifyCallback({ body, headers }, { secrets: SECRET })).toEqual(verified);
  expect(verifyCallback({ body, headers }, { secrets: [OTHER, SECRET] })).toEqual(verified);
  const bytes = { body: Buffer.from(body), headers: new Headers(headers) };
  expect(verifyCallback(bytes, { secrets: SECRET })).toEqual(verified);
});

it('lets through statuses and fields that it does not know', () => {
  const later = { ...EVENT, status: 'paused', mood: 'fine' };
  expect(verifyCallback(signed(JSON.stringify(later)), { secrets: SECRET }).event).toEqual(later);
});

const good = signed();
const at = (seconds: number) => signed(undefined, new Date(Date.now() + seconds * 1000));

it.each([
  ['another secret', good, { secrets: OTHER }, 'WRONG_SIGNATURE'],
  ['no signature', without('webhook-signature'), { secrets: SECRET }, 'WRONG_SIGNATURE'],
  ['no id', without('webhook-id'), { secrets: SECRET }, 'NO_SIGNATURE'],
  ['no timestamp', without('webhook-timestamp'), { secrets: SECRET }, 'NO_SIGNATURE'],
  ['another id', withHeader('webhook-id', 'msg_2'), { secrets: SECRET }, 'WRONG_SIGNATURE'],
  [
    'a timestamp in words',
    withHeader('webhook-timestamp', 'now'),
    { secrets: SECRET },
    'NO_SIGNATURE',
  ],
  ['age', at(-600), { secrets: SECRET }, 'TOO_OLD_OR_NEW'],
  ['a time to come', at(600), { secrets: SECRET }, 'TOO_OLD_OR_NEW'],
  ['age that is tolerated', at(-600), { secrets: SECRET, toleranceSeconds: 900 }, 'none'],
  ['no Authorization', good, { secrets: SECRET, authorization: 'x' }, 'NO_AUTHORIZATION'],
  ['a body that is no JSON', signed('{'), { secrets: SECRET }, 'NO_EVENT'],
  ['a body without a job', signed('null'), { secrets: SECRET }, 'NO_EVENT'],
] as const)('judges %s', (_, request, checks, code) => {
  expect(refusalOf(request, checks)).toBe(code);
});

it('does not check nothing', () => {
  expect(() => verifyCallback(good, {})).toThrow(TypeError);
  expect(() => verifyCallback(good, { secrets: [] })).toThrow(TypeError);
  expect(() => verifyCallback(good, { secrets: '' })).toThrow(TypeError);
  expect(() => verifyCallback(good, { secrets: 'whsec_ü' })).toThrow(TypeError);
  const byHeader = { ...good, headers: { ...good.headers, Authorization: 'Bearer hook' } };
  expect(refusalOf(byHeader, { authorization: 'Bearer hook' })).toBe('none');
});

function without(name: string) {
  return withHeader(name, undefined);
}

function withHeader(name: string, value: string | undefined) {
  const { body, headers } = signed();
  return { body, headers: { ...headers, [name]: value } };
}
