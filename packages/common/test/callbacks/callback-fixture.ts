import { FakeClock } from '../fake-clock.ts';
import { makeRequest, startTestService, type TestService } from '../start-test-service.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../webhook-receiver.ts';

/** A service with a clock that a test moves, and a webhook; dispose of it. */
export interface CallbackFixture extends AsyncDisposable {
  readonly clock: FakeClock;
  readonly service: TestService;
  readonly receiver: WebhookReceiver;
  /** Submits a job that waits, runs for a minute after a second, or what `mock` says. */
  submit(changes?: { jobId?: string; callbacks?: object; mock?: object }): Promise<void>;
  /** Resolves once the service has taken note of so many answers with this outcome. */
  untilAttempts(outcome: string, count: number): Promise<void>;
  /** What `GET …/deliveries` answers, once it matches. */
  deliveriesUntil(isWanted: (body: Deliveries) => boolean, jobId?: string): Promise<Deliveries>;
}

export interface Deliveries {
  readonly outcome: string;
  readonly attempt_count: number;
  readonly next_attempt_at: string | null;
  readonly replayed_at: string | null;
  readonly attempts: readonly {
    readonly at: string;
    readonly status: number | null;
    readonly duration_ms: number;
    readonly error: string | null;
  }[];
}

export async function startCallbackFixture(
  env: Record<string, string> = {},
): Promise<CallbackFixture> {
  const clock = new FakeClock();
  const receiver = await startWebhookReceiver();
  const service = await startTestService({ clock, env });
  return {
    clock,
    service,
    receiver,
    submit: async ({ jobId = 'job-1', callbacks, mock } = {}) => {
      const { status, text } = await service.post(
        '/train',
        makeRequest({
          job_id: jobId,
          callbacks: { webhook_url: receiver.url, ...callbacks },
          extra_parameters: { mock: { submitted_seconds: 1, running_seconds: 60, ...mock } },
        }),
      );
      if (status !== 200) throw new Error(text);
    },
    untilAttempts: async (outcome, count) => {
      const line = new RegExp(`attempts_total\\{outcome="${outcome}",.*\\} ${count}$`, 'm');
      while (!line.test((await service.request('/metrics')).text));
    },
    deliveriesUntil: async (isWanted, jobId = 'job-1') => {
      for (;;) {
        const { body } = await service.request(`/train/${jobId}/deliveries`);
        if (isWanted(body)) return body;
      }
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([receiver.close(), service.close()]);
    },
  };
}
