import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Answer,
  type Received,
  startWebhookReceiver,
  type WebhookReceiver,
} from '@trainer/common/testing';

/** What a receiver answers to the `count`-th attempt (from 1) at one event of a job. */
type Behaviour = (count: number, received: Received) => Answer;

const fails =
  (answer: Answer, times: number): Behaviour =>
  (count) =>
    count <= times ? answer : 200;

/**
 * Every way in which receivers fail, each of an origin of its own. Once for each event: after five
 * failures in a row an origin has a pause of 30 s, and with more of them what piles up behind its
 * pauses would take hours, as it may by the guarantee, but not here.
 */
const BEHAVIOURS = {
  well: () => 200,
  failing: fails(500, 1),
  busy: fails({ status: 429, headers: { 'retry-after': '1' } }, 1),
  redirecting: fails({ status: 302, headers: { location: 'http://127.0.0.1:1/elsewhere' } }, 1),
  resetting: fails('reset', 1),
  slow: fails('hang', 1),
  dripping: fails('drip', 1),
  /** Answers well, but see `UNHURRIED_MS`. */
  unhurried: () => 200,
  /** As Training Studio answers to a status that it does not know. */
  particular: (_, { json }) => (json.status === 'submitted' ? 400 : 200),
  gone: (_, { json }) => (isEnd(json.status) ? 410 : 200),
} satisfies Record<string, Behaviour>;

/** What this receiver takes to write an update down, which an end must not overtake meanwhile. */
const UNHURRIED_MS = 3000;

export type BehaviourName = keyof typeof BEHAVIOURS | 'down';

/** One terminal event as it arrived, with what it was answered. */
export interface SeenEnd {
  readonly status: string;
  readonly reason: string;
  readonly webhookId: string;
  readonly body: string;
  readonly answer: Answer;
  readonly atMs: number;
}

/** Receivers of callbacks that misbehave, and what of every job's end has reached them. */
export class Receivers {
  readonly #receivers = new Map<BehaviourName, WebhookReceiver>();
  readonly #ends = new Map<string, SeenEnd[]>();
  readonly #attempts = new Map<string, number>();
  readonly #heardOf = new Set<string>();
  readonly #cutOffsMs = new Map<string, number[]>();
  readonly #lastStatuses = new Map<string, string>();
  #isDown = true;

  static async start(): Promise<Receivers> {
    const receivers = new Receivers();
    for (const [name, behave] of Object.entries<Behaviour>(BEHAVIOURS)) {
      await receivers.#add(name as BehaviourName, behave);
    }
    await receivers.#add('down', () => (receivers.#isDown ? 'reset' : 200));
    return receivers;
  }

  get behaviours(): readonly BehaviourName[] {
    return [...this.#receivers.keys()];
  }

  urlFor(behaviour: BehaviourName, jobId: string): string {
    return `${this.#receivers.get(behaviour)?.url}/${jobId}`;
  }

  /** The receiver that was down all along is up from now on. */
  bringUp(): void {
    this.#isDown = false;
  }

  endsOf(jobId: string): readonly SeenEnd[] {
    return this.#ends.get(jobId) ?? [];
  }

  /** Whether anything at all was told of a job. */
  hasHeardOf(jobId: string): boolean {
    return this.#heardOf.has(jobId);
  }

  /** When updates of a job were left without an answer, UNIX milliseconds. */
  cutOffsMs(jobId: string): readonly number[] {
    return this.#cutOffsMs.get(jobId) ?? [];
  }

  /** What a receiver shows of a job that writes down whatever it accepts last. */
  lastStatusOf(jobId: string): string | undefined {
    return this.#lastStatuses.get(jobId);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#receivers.values()].map((receiver) => receiver.close()));
  }

  async #add(name: BehaviourName, behave: Behaviour): Promise<void> {
    const answers = async (received: Received) => {
      const webhookId = String(received.headers['webhook-id']);
      const count = (this.#attempts.get(webhookId) ?? 0) + 1;
      this.#attempts.set(webhookId, count);
      const jobId = String(received.json.job_id);
      const status = String(received.json.status);
      this.#heardOf.add(jobId);
      const answer = behave(count, received);
      if (isEnd(status)) this.#noteEnd(received, webhookId, answer);
      else if (typeof answer === 'string') {
        this.#cutOffsMs.set(jobId, [...this.cutOffsMs(jobId), received.receivedAtMs]);
      }
      if (name === 'unhurried' && !isEnd(status)) await sleep(UNHURRIED_MS);
      if (answer === 200) this.#lastStatuses.set(jobId, status);
      return answer;
    };
    this.#receivers.set(name, await startWebhookReceiver({ answers }));
  }

  #noteEnd({ json, body, receivedAtMs: atMs }: Received, webhookId: string, answer: Answer): void {
    const jobId = String(json.job_id);
    const ends = this.#ends.get(jobId) ?? [];
    this.#ends.set(jobId, ends);
    const { status, reason } = json;
    ends.push({ status: String(status), reason: String(reason), webhookId, body, answer, atMs });
  }
}

export function isEnd(status: unknown): boolean {
  return status === 'succeeded' || status === 'failed' || status === 'cancelled';
}
