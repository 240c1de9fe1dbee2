import { randomUUID } from 'node:crypto';
import { createLogger, createService, parseConfig } from '@trainer/common';
import {
  type JobDraft,
  type JobStore,
  NO_DELIVERY,
  toJobName,
  type WebhookPost,
} from '@trainer/common/testing/internals';
import { findService } from '@trainer/services';
import { Agent, request } from 'undici';
import { Child } from './child.ts';
import { median, toTable, toText } from './table.ts';

/** As many POSTs as a service makes to one origin at a time. */
const CONCURRENCY = 16;

/**
 * Final callbacks per second of a service that finds so many to be delivered, noting included,
 * against a bare loop of `undici.request` with the same bodies and headers to the same receiver.
 */
export async function measureDeliveryRate(options: {
  rounds: number;
  deliveries: number;
}): Promise<string> {
  await using receiver = await Child.start('receiver.ts');
  const own: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round <= options.rounds; round += 1) {
    const { perSecond, posts } = await deliver(receiver.url, options.deliveries);
    const barePerSecond = await postAll(posts);
    // The first round only warms up.
    if (round === 0) continue;
    own.push(perSecond);
    bare.push(barePerSecond);
  }
  const ratios = own.map((rate, index) => rate / (bare[index] ?? 0));
  return toTable(
    ['final callbacks', 'service', 'undici.request', 'ratio', 'rounds', 'goal'],
    [
      [
        `${toText(options.deliveries)} due at once`,
        `${toText(median(own))}/s`,
        `${toText(median(bare))}/s`,
        median(ratios).toFixed(2),
        `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`,
        '0.70',
      ],
    ],
  );
}

/** A whole service whose store holds ended jobs when it starts, until all are told of. */
async function deliver(receiverUrl: string, count: number) {
  const { backend } = findService('hf-unsloth');
  const config = parseConfig(backend.defaults, { PORT: '0', LOG_LEVEL: 'warn' });
  const posts: WebhookPost[] = [];
  let began = Number.NaN;
  const { promise: allNoted, resolve } = Promise.withResolvers<void>();
  let store: JobStore | undefined;
  const service = await createService({
    backend,
    config,
    logger: createLogger(backend.name, config),
    decorate: {
      platform: (platform) => {
        store = platform.store;
        return platform;
      },
      webhookClient: (client) => ({
        close: () => client.close(),
        post: (post) => {
          // Counted from the first, since what a service does when it starts is no delivery.
          if (posts.push(post) === 1) began = performance.now();
          return client.post(post);
        },
      }),
    },
  });
  for (let index = 0; index < count; index += 1) await addEndedJob(store, receiverUrl, index);
  let settledCount = 0;
  store?.watch((name) => {
    if (store?.getCached(name)?.delivery.settled === 'delivered') settledCount += 1;
    if (settledCount === count) resolve();
  });
  await service.listen();
  await allNoted;
  const seconds = (performance.now() - began) / 1000;
  await service.close();
  return { perSecond: count / seconds, posts };
}

async function addEndedJob(store: JobStore | undefined, receiverUrl: string, index: number) {
  const nowMs = Date.now();
  const id = randomUUID();
  const draft: JobDraft = {
    id,
    name: toJobName('hf-unsloth', id),
    backend: 'hf-unsloth',
    fingerprint: id,
    fingerprint2: id,
    createdAtMs: nowMs,
    warnings: [],
    hasWebhook: true,
    webhookOrigin: receiverUrl,
    runId: 'run',
    planRevision: 0,
    state: {
      status: 'succeeded',
      reason: 'COMPLETED',
      detail: 'Training completed',
      observedAtMs: nowMs,
      startedAtMs: nowMs,
      endedAtMs: nowMs,
    },
    delivery: NO_DELIVERY,
    areCredentialsGone: true,
    webhookAuth: 'none',
  };
  await store?.create(draft, {
    asked: { first: {}, second: {} },
    plan: {},
    echo: {},
    callback: {
      webhookUrl: `${receiverUrl}/${index}`,
      authHeader: 'Bearer token',
      eventFilter: undefined,
    },
    secrets: {},
  });
}

async function postAll(posts: readonly WebhookPost[]): Promise<number> {
  const agent = new Agent({ connections: CONCURRENCY });
  const waiting = posts.values();
  const began = performance.now();
  await Promise.all(
    Array.from({ length: CONCURRENCY }, async () => {
      for (const { url, headers, body } of waiting) {
        const answer = await request(url, { method: 'POST', headers, body, dispatcher: agent });
        await answer.body.dump();
      }
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  await agent.close();
  return posts.length / seconds;
}
