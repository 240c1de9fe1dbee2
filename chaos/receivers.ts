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

/** One terminal event as it arrived at an address, with what it was answered. */
export interface SeenEnd {
  readonly status: string;
  readonly reason: string;
  readonly webhookId: string;
  readonly body: string;
  readonly answer: Answer;
  readonly atMs: number;
}

/** What has come to one address. */
interface Heard {
  readonly ends: SeenEnd[];
  /** When updates were left without an answer, UNIX milliseconds. */
  readonly cutOffsMs: number[];
  readonly authorizations: Set<string | undefined>;
  lastAtMs: number;
  /** What a receiver shows of a job that writes down whatever it accepts last. */
  lastStatus: string | undefined;
}

const HOOK = '/hook/';

/** The address in the path of a webhook of ours. */
export function toAddress(path: string): string {
  return path.slice(path.indexOf(HOOK) + HOOK.length);
}

/** Receivers of callbacks that misbehave, each with any number of addresses, and what has come to these. */
export class Receivers {
  readonly #receivers = new Map<BehaviourName, WebhookReceiver>();
  readonly #heard = new Map<string, Heard>();
  readonly #attempts = new Map<string, number>();
  #isDown = true;

  /** Those with these names; by default all. */
  static async start(names?: readonly BehaviourName[]): Promise<Receivers> {
    const receivers = new Receivers();
    const down = () => (receivers.#isDown ? 'reset' : 200);
    for (const [name, behave] of Object.entries<Behaviour>({ ...BEHAVIOURS, down })) {
      if (names?.includes(name as BehaviourName) === false) continue;
      await receivers.#add(name as BehaviourName, behave);
    }
    return receivers;
  }

  get behaviours(): readonly BehaviourName[] {
    return [...this.#receivers.keys()];
  }

  urlFor(behaviour: BehaviourName, address: string): string {
    return `${this.#receivers.get(behaviour)?.url}/${address}`;
  }

  /** The receiver that was down all along is up from now on. */
  bringUp(): void {
    this.#isDown = false;
  }

  /** All that have come to these addresses. */
  endsAt(...addresses: readonly string[]): readonly SeenEnd[] {
    return addresses.flatMap((address) => this.heardAt(address)?.ends ?? []);
  }

  /** Undefined where nothing has come to. */
  heardAt(address: string): Heard | undefined {
    return this.#heard.get(address);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#receivers.values()].map((receiver) => receiver.close()));
  }

  async #add(name: BehaviourName, behave: Behaviour): Promise<void> {
    const answers = async (received: Received) => {
      const address = toAddress(received.path);
      const key = `${address} ${received.headers['webhook-id']}`;
      const count = (this.#attempts.get(key) ?? 0) + 1;
      this.#attempts.set(key, count);
      const status = String(received.json.status);
      const answer = behave(count, received);
      const heard = this.#note(address, received);
      if (isEnd(status)) heard.ends.push(toSeenEnd(received, answer));
      else if (typeof answer === 'string') heard.cutOffsMs.push(received.receivedAtMs);
      if (name === 'unhurried' && !isEnd(status)) await sleep(UNHURRIED_MS);
      if (answer === 200) heard.lastStatus = status;
      return answer;
    };
    this.#receivers.set(name, await startWebhookReceiver({ answers }));
  }

  #note(address: string, { headers, receivedAtMs }: Received): Heard {
    const heard = this.#heard.get(address) ?? {
      ...{ ends: [], cutOffsMs: [], authorizations: new Set() },
      ...{ lastAtMs: receivedAtMs, lastStatus: undefined },
    };
    heard.authorizations.add(headers.authorization);
    heard.lastAtMs = receivedAtMs;
    this.#heard.set(address, heard);
    return heard;
  }
}

function toSeenEnd({ json, body, headers, receivedAtMs: atMs }: Received, answer: Answer): SeenEnd {
  const [status, reason] = [String(json.status), String(json.reason)];
  return { status, reason, webhookId: String(headers['webhook-id']), body, answer, atMs };
}

export function isEnd(status: unknown): boolean {
  return status === 'succeeded' || status === 'failed' || status === 'cancelled';
}
