import { pino } from 'pino';
import { expect, vi } from 'vitest';
import { Dispatcher } from '../../src/callbacks/dispatcher.ts';
import type { PostResult, WebhookPost } from '../../src/callbacks/http/webhook-client.ts';
import { createSigner } from '../../src/callbacks/signature.ts';
import {
  type CallbackTarget,
  type JobDraft,
  type JobRecord,
  type JobState,
  NO_DELIVERY,
} from '../../src/jobs/job.ts';
import { MemoryJobStore } from '../../src/jobs/memory-job-store.ts';
import { createMetrics } from '../../src/metrics.ts';
import { MockRunner } from '../../src/runners/mock/mock-runner.ts';
import { makeConfig } from '../builders.ts';
import { FakeClock } from '../fake-clock.ts';
import { makeDraft, makePayload } from '../make-draft.ts';
import { makePostResult } from './make-post-result.ts';

export const NOW_MS = Date.UTC(2026, 0, 1);
export const ENDED: JobState = {
  status: 'succeeded',
  reason: 'COMPLETED',
  detail: 'Training completed',
  observedAtMs: 1000,
  startedAtMs: 500,
  endedAtMs: 1000,
};
export const RUNNING: JobState = {
  ...ENDED,
  status: 'running',
  reason: 'RUNNING',
  endedAtMs: undefined,
};
export const DELIVERED = makePostResult(200);
export const FAILED = makePostResult(500);
export const GONE = makePostResult(410);
export const CUT_OFF = makePostResult(undefined, { isCutOff: true });
export const LIVE: Partial<JobDraft> = { state: RUNNING };

export const CALLBACK: CallbackTarget = {
  webhookUrl: 'https://hook.test/',
  authHeader: undefined,
  eventFilter: undefined,
};
const ORIGIN = 'https://hook.test';

/** A dispatcher of a process that may lead, with a webhook that answers when the test says so. */
export function startDispatcher({
  random = () => 0.5,
  logged = [],
  logLevel = 'warn',
}: {
  random?: () => number;
  logged?: string[];
  logLevel?: string;
} = {}) {
  const clock = new FakeClock(NOW_MS);
  const store = new MemoryJobStore();
  let isLeader = true;
  let sequence = 0;
  const posts: WebhookPost[] = [];
  const answers: PromiseWithResolvers<PostResult>[] = [];
  const dispatcher = new Dispatcher({
    store,
    clock,
    runner: new MockRunner(makeConfig(), clock),
    leadership: {
      isLeader: () => isLeader,
      nextSequence: () => {
        sequence += 1;
        return sequence;
      },
      watch: () => () => {},
    },
    webhookClient: {
      post: (post) => {
        posts.push(post);
        const answer = Promise.withResolvers<PostResult>();
        answers.push(answer);
        return answer.promise;
      },
      close: async () => {
        for (const answer of answers) answer.resolve(CUT_OFF);
      },
    },
    signer: createSigner([]),
    metrics: createMetrics('test', {
      countJobs: () => new Map(),
      countUnreadable: () => 0,
      behindForMs: () => 0,
      isLeader: () => true,
    }),
    logger: pino({ level: logLevel }, { write: (line: string) => logged.push(line) }),
    random,
    settings: { intervalMs: 60_000, retryPeriodMs: 3_600_000, submittedAs: 'submitted' },
  });
  const peek = ({ name }: JobRecord) => store.getCached(name);
  return {
    clock,
    store,
    dispatcher,
    posts,
    peek,
    addJob: async (id: string, changes: Partial<JobDraft> = {}, callback = CALLBACK) => {
      const draft = {
        webhookOrigin: ORIGIN,
        createdAtMs: NOW_MS,
        delivery: NO_DELIVERY,
        state: ENDED,
        ...changes,
      };
      const created = await store.create(makeDraft(id, draft), { ...makePayload(), callback });
      if (created.outcome !== 'created') throw new Error(created.outcome);
      return created.record;
    },
    /** Changes a record, as the controller does, and offers it. */
    change: async (record: JobRecord, state: JobState) => {
      const current = peek(record) ?? record;
      const changed = await store.update(current, { state });
      if (changed === undefined) throw new Error('somebody else changed it');
      dispatcher.offer(changed);
      return changed;
    },
    event: (index: number) =>
      JSON.parse(posts[index]?.body ?? '{}') as { status: string; sequence: number },
    statuses: () => posts.map(({ body }) => (JSON.parse(body) as { status: string }).status),
    id: (index: number) => posts[index]?.headers['webhook-id'],
    untilPosts: (count: number) => vi.waitFor(() => expect(posts).toHaveLength(count)),
    answer: async (index: number, result: PostResult) => {
      answers[index]?.resolve(result);
      await clock.advance(0);
    },
    loseLeadership: () => {
      isLeader = false;
      dispatcher.clear();
    },
    /** Without that anybody is told, as when the process was paused for long. */
    loseLeadershipUnnoticed: () => {
      isLeader = false;
    },
    close: async () => {
      const closed = dispatcher.close();
      await clock.advance(2000);
      await closed;
    },
    takeOver: () => {
      isLeader = true;
      dispatcher.takeOver();
    },
  };
}
