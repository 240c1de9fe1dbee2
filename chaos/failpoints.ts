import { setTimeout as sleepForever } from 'node:timers/promises';
import type { Platform, RecordChange } from '@trainer/common/testing/internals';
import { type Decorate, override } from './decorate.ts';

/** The writes of a job's life, in their order, and the POST to its webhook. */
const STEPS = [
  'create',
  'start',
  'refuse',
  'latch-refusal',
  'note',
  'write',
  'redirect',
  'cancel',
  'latch',
  'stop',
  'post',
  'delivery',
  'purge',
  'rerun',
  'forget',
  'delete',
] as const;
type Step = (typeof STEPS)[number];

export type Failpoint = `${Step}:${'before' | 'after'}`;

/** The last that a replica tells: what it dies at. */
export interface DeathMessage {
  readonly dyingAt: Failpoint;
}

/** In the order in which they are to be armed. */
export const FAILPOINTS: readonly Failpoint[] = STEPS.flatMap((step): Failpoint[] => [
  `${step}:before`,
  `${step}:after`,
]);

/**
 * The death that leads to a failpoint, where nothing else does: who dies before it deletes the
 * record of a refused submission leaves it for others to latch.
 */
export const PRELUDES: Partial<Record<Failpoint, Failpoint>> = {
  'latch-refusal:before': 'refuse:before',
  'latch-refusal:after': 'refuse:before',
};

/**
 * Stands between a service and everything that it writes to or sends with; `isArmed` is asked at
 * each failpoint, and when it says so the process ends there and then, as by `kill -9`.
 */
export function createFailpoints(
  isArmed: (failpoint: Failpoint) => boolean,
  recordTtlMs: number,
): Decorate {
  const pass = async (failpoint: Failpoint) => {
    if (!isArmed(failpoint)) return;
    process.kill(process.pid, 'SIGKILL');
    // The signal may take a moment, in which nothing more may happen.
    await sleepForever(2 ** 30);
  };
  const around = async <T>(step: Step, work: () => Promise<T>): Promise<T> => {
    await pass(`${step}:before`);
    const result = await work();
    await pass(`${step}:after`);
    return result;
  };
  return {
    platform: (platform) => decoratePlatform(platform, around, recordTtlMs),
    webhookClient: (client) => ({
      post: (post) => around('post', () => client.post(post)),
      close: () => client.close(),
    }),
  };
}

function decoratePlatform(
  platform: Platform,
  around: <T>(step: Step, work: () => Promise<T>) => Promise<T>,
  recordTtlMs: number,
): Platform {
  const { store, runner } = platform;
  return {
    ...platform,
    store: override(store, {
      create: (draft, payload) => around('create', () => store.create(draft, payload)),
      update: (record, change) => around(toStep(change), () => store.update(record, change)),
      purgeCredentials: (record) => around('purge', () => store.purgeCredentials(record)),
      delete: (record) =>
        around(toDeletion(record.state.endedAtMs, recordTtlMs), () => store.delete(record)),
    }),
    runner: override(runner, {
      start: (record, plan, readSecrets) =>
        around('start', () => runner.start(record, plan, readSecrets)),
      stop: (record) => around('stop', () => runner.stop(record)),
    }),
  };
}

/** What has not expired yet was asked to be forgotten. */
function toDeletion(endedAtMs: number | undefined, recordTtlMs: number): Step {
  if (endedAtMs === undefined) return 'refuse';
  return Date.now() < endedAtMs + recordTtlMs ? 'forget' : 'delete';
}

function toStep({ runId, state, delivery, callbackRevision, rerun }: RecordChange): Step {
  if (runId !== undefined) return 'note';
  if (callbackRevision !== undefined) return 'redirect';
  if (rerun !== undefined) return 'rerun';
  if (delivery !== undefined) return 'delivery';
  if (state?.reason === 'CANCELLED_BY_REQUEST') return 'cancel';
  if (state?.reason === 'SUBMISSION_REFUSED') return 'latch-refusal';
  return state?.endedAtMs === undefined ? 'write' : 'latch';
}
