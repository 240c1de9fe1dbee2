import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startWebhookReceiver, type WebhookReceiver } from '../webhook-receiver.ts';
import { type CallbackFixture, startCallbackFixture } from './callback-fixture.ts';
import { CALLBACK, DELIVERED, FAILED, GONE, LIVE, startDispatcher } from './start-dispatcher.ts';

const ELSEWHERE = { ...CALLBACK, webhookUrl: 'https://elsewhere.test/' };
const CHANGE = {
  ...{ hasWebhook: true, webhookOrigin: 'https://elsewhere.test', callbackRevision: 1 },
  ...{ webhookAuth: 'none' as const, callback: { target: ELSEWHERE } },
};

describe('a dispatcher', () => {
  it('sends an end that is due to where it goes now, whatever the old place answers', async () => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job');
    fixture.dispatcher.offer(record);
    await fixture.untilPosts(1);
    const changed = await fixture.store.update(record, CHANGE);
    if (changed === undefined) throw new Error('it was changed meanwhile');
    fixture.dispatcher.offer(changed);
    // Nothing stands beside what is on its way.
    expect(fixture.posts).toHaveLength(1);
    await fixture.answer(0, DELIVERED);
    expect(fixture.peek(record)?.delivery.settled).toBeUndefined();
    await fixture.untilPosts(2);
    expect(fixture.posts.map(({ url }) => url)).toEqual([
      CALLBACK.webhookUrl,
      ELSEWHERE.webhookUrl,
    ]);
    expect(fixture.id(1)).toBe(fixture.id(0));
    await fixture.answer(1, DELIVERED);
    expect(fixture.peek(record)?.delivery.settled).toBe('delivered');
    await fixture.close();
  });

  it('sends nothing more to the old place, though nobody has offered it the change yet', async () => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job');
    fixture.dispatcher.offer(record);
    await fixture.untilPosts(1);
    await fixture.answer(0, FAILED);
    const failed = fixture.peek(record);
    if (failed === undefined) throw new Error('it is gone');
    await fixture.store.update(failed, CHANGE);
    await fixture.clock.advance(10_000);
    expect(fixture.posts[1]?.url).toBe(ELSEWHERE.webhookUrl);
    await fixture.close();
  });

  it('takes the 410 of the old place for no answer of the new one', async () => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job', LIVE);
    fixture.dispatcher.offer(record);
    await fixture.untilPosts(1);
    const changed = await fixture.store.update(record, CHANGE);
    if (changed === undefined) throw new Error('it was changed meanwhile');
    fixture.dispatcher.offer(changed);
    await fixture.answer(0, GONE);
    await fixture.untilPosts(2);
    expect(fixture.peek(record)?.delivery.settled).toBeUndefined();
    expect(fixture.posts[1]?.url).toBe(ELSEWHERE.webhookUrl);
    await fixture.close();
  });

  it('leaves a job without callbacks alone, though one was on its way', async () => {
    const fixture = startDispatcher();
    const record = await fixture.addJob('job');
    fixture.dispatcher.offer(record);
    await fixture.untilPosts(1);
    const { delivery } = record;
    await fixture.store.update(record, {
      ...{ ...CHANGE, hasWebhook: false, callback: { target: undefined } },
      delivery: { ...delivery, settled: 'unwanted' },
    });
    await fixture.answer(0, FAILED);
    await fixture.clock.advance(3_600_000);
    expect(fixture.posts).toHaveLength(1);
    expect(fixture.peek(record)?.delivery.settled).toBe('unwanted');
    await fixture.close();
  });
});

describe('PATCH /train/{job_id}/callbacks', () => {
  let fixture: CallbackFixture;
  let elsewhere: WebhookReceiver;
  beforeEach(async () => {
    fixture = await startCallbackFixture();
    elsewhere = await startWebhookReceiver();
  });
  afterEach(async () => {
    await elsewhere.close();
    await fixture[Symbol.asyncDispose]();
  });

  const patch = (body: unknown, type = 'application/json') =>
    fixture.service.request('/train/job-1/callbacks', {
      ...{ method: 'PATCH', body, headers: { 'content-type': type } },
    });

  it('sends callbacks elsewhere at once, without the credential of the old address', async () => {
    const callbacks = { auth_header: 'Bearer s3cret', event_filter: ['submitted', 'running'] };
    await fixture.submit({ callbacks });
    expect((await fixture.receiver.next()).headers.authorization).toBe('Bearer s3cret');
    const answer = await patch({ webhook_url: `${elsewhere.url}?key=hidden` });
    expect([answer.status, answer.body]).toEqual([
      200,
      {
        ...{ job_id: 'job-1', has_auth_header: false, event_filter: ['submitted', 'running'] },
        webhook_url: expect.not.stringContaining('hidden'),
      },
    ]);
    const received = await elsewhere.next();
    expect(received.headers.authorization).toBeUndefined();
    expect(received.path).toBe('/hook?key=hidden');
    const again = await fixture.service.request('/train/job-1');
    expect(again.text).not.toContain('s3cret');
  });

  it('keeps the original submission a repetition', async () => {
    await fixture.submit();
    await patch({ webhook_url: elsewhere.url });
    await fixture.submit();
    expect((await elsewhere.next()).json.job_id).toBe('job-1');
  });

  it('delivers an end that the old address refused', async () => {
    fixture.receiver.respondWith(500);
    await fixture.submit({ mock: { submitted_seconds: 0, running_seconds: 0 } });
    await fixture.receiver.next(({ json }) => json.status === 'succeeded');
    await fixture.deliveriesUntil(({ attempt_count }) => attempt_count === 1);
    const type = 'application/merge-patch+json';
    expect(
      (await patch({ webhook_url: elsewhere.url, auth_header: 'Bearer n' }, type)).status,
    ).toBe(200);
    const received = await elsewhere.next();
    expect([received.json.status, received.headers.authorization]).toEqual([
      'succeeded',
      'Bearer n',
    ]);
    await fixture.deliveriesUntil(({ outcome }) => outcome === 'delivered');
    const late = await patch({ webhook_url: fixture.receiver.url });
    expect([late.status, late.body.code]).toEqual([409, 'CALLBACK_CHANGE_REFUSED']);
  });

  it('begins anew after the old address answered an update with 410, and says what changed', async () => {
    fixture.receiver.respondWith(410);
    await fixture.submit({ mock: { outcome: 'never' } });
    await fixture.receiver.next();
    await fixture.deliveriesUntil(({ outcome }) => outcome === 'gone');
    const same = await patch({ event_filter: ['running'] });
    expect([same.status, same.body.code]).toEqual([409, 'CALLBACK_CHANGE_REFUSED']);
    expect((await patch({ webhook_url: elsewhere.url })).status).toBe(200);
    expect((await elsewhere.next()).json.job_id).toBe('job-1');
    const { body } = await fixture.service.request('/train/job-1/events');
    const told = body.data.filter(({ type }: { type: string }) => /delivery|callbacks/.test(type));
    expect(told).toMatchObject([
      { message: 'An update got 410, so that nothing more is sent', data: { event: 'update' } },
      { type: 'job.callbacks', data: { changed: ['webhook_url'] } },
    ]);
  });

  it.each([
    ['the cloud metadata address', { webhook_url: 'http://169.254.169.254/latest' }],
    ['the same, written otherwise', { webhook_url: 'http://0xa9fea9fe/' }],
    ['no web address', { webhook_url: 'file:///etc/passwd' }],
    ['a user name', { webhook_url: 'https://user:s3cret@hooks.example.com/' }],
    ['two lines of header', { auth_header: 'a\r\nx: y' }],
    ['an unknown status', { event_filter: ['queued'] }],
    ['an unknown field', { webhook: 'https://hooks.example.com/' }],
    ['no object', ['https://hooks.example.com/']],
  ])('refuses %s and changes nothing', async (_, body) => {
    await fixture.submit();
    await fixture.receiver.next();
    const answer = await patch(body);
    expect([answer.status, answer.body.code]).toEqual([400, 'INVALID_REQUEST']);
    expect(answer.text).not.toContain('s3cret');
    expect((await patch({})).body).toMatchObject({ webhook_url: fixture.receiver.url });
  });

  it('knows no job but its own, and no other media type', async () => {
    expect((await patch({})).status).toBe(404);
    expect((await patch('x', 'text/plain')).status).toBe(415);
  });
});
