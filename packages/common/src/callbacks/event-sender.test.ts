import { beforeEach, describe, expect, it } from 'vitest';
import { makePostResult } from '../../test/callbacks/make-post-result.ts';
import { FakeClock } from '../../test/fake-clock.ts';
import { createMetrics } from '../metrics.ts';
import { EventSender } from './event-sender.ts';
import type { PostResult, WebhookPost } from './http/webhook-client.ts';

const EVENT = { kind: 'update', id: 'msg_1', body: '{"status":"running"}' } as const;
const TARGET = { webhookUrl: 'https://hook.test/x', authHeader: undefined, eventFilter: undefined };

let isLeader: boolean;
let posts: WebhookPost[];
let answer: PromiseWithResolvers<PostResult>;
let counted: string[];
let sender: EventSender;

beforeEach(() => {
  isLeader = true;
  posts = [];
  counted = [];
  answer = Promise.withResolvers<PostResult>();
  sender = new EventSender({
    leadership: { isLeader: () => isLeader, nextSequence: () => 1, watch: () => () => {} },
    webhookClient: {
      post: (post) => {
        posts.push(post);
        return answer.promise;
      },
      close: async () => answer.resolve(makePostResult(undefined, { isCutOff: true })),
    },
    signer: ({ id, atMs, body }) => ({ 'webhook-id': id, 'webhook-signature': `${atMs} ${body}` }),
    metrics: {
      ...createMetrics('test', {
        countJobs: () => new Map(),
        countUnreadable: () => 0,
        behindForMs: () => 0,
        isLeader: () => true,
      }),
      countDelivery: (verdict) => counted.push(verdict),
    },
    clock: new FakeClock(7),
  });
});

describe('an attempt', () => {
  it('carries the event, signed, as JSON', async () => {
    answer.resolve(makePostResult(200));
    expect(await sender.send(TARGET, EVENT)).toEqual(makePostResult(200));
    expect(posts).toEqual([
      {
        url: 'https://hook.test/x',
        body: EVENT.body,
        headers: {
          'content-type': 'application/json',
          'user-agent': 'trainer-api/1',
          'webhook-id': 'msg_1',
          'webhook-signature': `7 ${EVENT.body}`,
        },
      },
    ]);
  });

  it('carries the auth_header as it was given', async () => {
    answer.resolve(makePostResult(200));
    await sender.send({ ...TARGET, authHeader: 'Bearer x' }, EVENT);
    expect(posts[0]?.headers).toMatchObject({ authorization: 'Bearer x' });
  });

  it('is made by a leader alone', async () => {
    isLeader = false;
    expect(await sender.send(TARGET, EVENT)).toBeUndefined();
    expect(posts).toEqual([]);
    expect(counted).toEqual([]);
  });

  it.each([
    [200, 'delivered'],
    [404, 'drop'],
    [410, 'gone'],
    [500, 'retry'],
    [undefined, 'retry'],
  ])('that is answered %s is counted as %s', async (status, verdict) => {
    answer.resolve(makePostResult(status));
    await sender.send(TARGET, EVENT);
    expect(counted).toEqual([verdict]);
  });
});

describe('closing', () => {
  it('cuts off an attempt, which says nothing about its receiver', async () => {
    const sending = sender.send(TARGET, EVENT);
    await sender.close();
    expect(await sending).toBeUndefined();
    expect(counted).toEqual([]);
  });

  it('takes an answer that came all the same', async () => {
    const sending = sender.send(TARGET, EVENT);
    answer.resolve(makePostResult(200));
    await sender.close();
    expect(await sending).toMatchObject({ status: 200 });
    expect(counted).toEqual(['delivered']);
  });
});
