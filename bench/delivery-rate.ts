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

/** How fast a number of POSTs were made, and what each cost this process. */
interface Rate {
  readonly perSecond: number;
  readonly cpuMicros: number;
}

/** Tells the rate since it was started. */
type Timer = (count: number) => Rate;

/**
 * Final callbacks per second of a service that finds so many to be delivered, noting included,
 * against a bare loop of `undici.request` with the same bodies and headers to the same receiver.
 */
export async function measureDeliveryRate(options: {
  rounds: number;
  deliveries: number;
}): Promise<string> {
  await using receiver = await Child.start('receiver.ts');
  const own: Rate[] = [];
  const bare: Rate[] = [];
  for (let round = 0; round <= options.rounds; round += 1) {
    const { rate, posts } = await deliver(receiver.url, options.deliveries);
    const bareRate = await postAll(posts);
    // The first round only warms up.
    if (round === 0) continue;
    own.push(rate);
    bare.push(bareRate);
  }
  const ratios = own.map(({ perSecond }, index) => perSecond / (bare[index]?.perSecond ?? 0));
  const cpuRatios = own.map(({ cpuMicros }, index) => (bare[index]?.cpuMicros ?? 0) / cpuMicros);
  const toRateText = (rates: readonly Rate[]) =>
    `${toText(median(rates.map(({ perSecond }) => perSecond)))}/s, ${toText(median(rates.map(({ cpuMicros }) => cpuMicros)))} µs of CPU`;
  return toTable(
    ['final callbacks', 'service', 'undici.request', 'ratio', 'rounds', 'of CPU time', 'goal'],
    [
      [
        `${toText(options.deliveries)} due at once`,
        toRateText(own),
        toRateText(bare),
        median(ratios).toFixed(2),
        `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`,
        median(cpuRatios).toFixed(2),
        '0.55',
      ],
    ],
  );
}

/** A whole service whose store holds ended jobs when it starts, until all are told of. */
async function deliver(receiverUrl: string, count: number) {
  const { backend } = findService('hf-unsloth');
  const config = parseConfig(backend.defaults, { PORT: '0', LOG_LEVEL: 'warn' });
  const posts: WebhookPost[] = [];
  let timer: Timer | undefined;
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
          if (posts.push(post) === 1) timer = startTimer();
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
  const rate = timer?.(count) ?? { perSecond: Number.NaN, cpuMicros: Number.NaN };
  await service.close();
  return { rate, posts };
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
    // Tried before, or its end would be repeated, as after every takeover.
    delivery: { ...NO_DELIVERY, attemptCount: 1 },
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

async function postAll(posts: readonly WebhookPost[]): Promise<Rate> {
  const agent = new Agent({ connections: CONCURRENCY });
  const waiting = posts.values();
  const timer = startTimer();
  await Promise.all(
    Array.from({ length: CONCURRENCY }, async () => {
      for (const { url, headers, body } of waiting) {
        const answer = await request(url, { method: 'POST', headers, body, dispatcher: agent });
        await answer.body.dump();
      }
    }),
  );
  const rate = timer(posts.length);
  await agent.close();
  return rate;
}

function startTimer(): Timer {
  const began = performance.now();
  const cpu = process.cpuUsage();
  return (count) => {
    const seconds = (performance.now() - began) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    return { perSecond: count / seconds, cpuMicros: (user + system) / count };
  };
}
