import { expect, it } from 'vitest';
import type { FakeClock } from '../fake-clock.ts';
import type { Received } from '../webhook-receiver.ts';
import { startCallbackFixture } from './callback-fixture.ts';

const STEP_MS = 500;
const RUNNING_MS = 4000;
const DEADLINE_MS = 15_000;
const MAX_MS = 80_000;
const isFinal = ({ json }: Received) => json.status === 'succeeded';

function pass(clock: FakeClock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.schedule(ms, resolve);
  });
}

/**
 * A receiver that takes its time and then writes down what it was told, also when nobody waits for
 * its answer any more: what it wrote last is what its users see.
 */
class SlowReceiver {
  readonly written: string[] = [];
  readonly finals: number[] = [];
  readonly #clock: FakeClock;
  readonly #delaysMs: { readonly update: number; readonly final: number };
  #untilMs = 0;
  overlaps = 0;

  constructor(clock: FakeClock, delaysMs: { readonly update: number; readonly final: number }) {
    this.#clock = clock;
    this.#delaysMs = delaysMs;
  }

  answer = async (received: Received): Promise<number> => {
    const nowMs = this.#clock.now();
    const delayMs = isFinal(received) ? this.#delaysMs.final : this.#delaysMs.update;
    // For its sender, a POST is over when it is answered or after its deadline.
    if (nowMs < this.#untilMs) this.overlaps += 1;
    this.#untilMs = nowMs + Math.min(delayMs, DEADLINE_MS);
    if (isFinal(received)) this.finals.push(nowMs);
    await pass(this.#clock, delayMs);
    this.written.push(String(received.json.status));
    return 200;
  };
}

const DELAYS_MS = [100, 1000, 5000, 14_500, 15_500, 20_000];
const CASES = DELAYS_MS.flatMap((update) =>
  [100, 14_500, 20_000].map((final) => ({ update, final })),
);

it.each(CASES)(
  'an end is written last by a receiver that takes $update ms, and $final ms for it',
  async (delays) => {
    await using fixture = await startCallbackFixture({ TRAINER_CALLBACK_INTERVAL_SECONDS: '5' });
    const { clock } = fixture;
    const receiver = new SlowReceiver(clock, delays);
    fixture.receiver.respondWith(receiver.answer);
    const startedAtMs = clock.now();
    await fixture.submit({ mock: { submitted_seconds: 0, running_seconds: RUNNING_MS / 1000 } });
    await fixture.receiver.next();
    // Long enough for what was cut off to be written, and for an end to be repeated after that.
    while (clock.now() < startedAtMs + MAX_MS) {
      await clock.advance(STEP_MS);
      // A turn over real sockets, in which the callbacks' own go on as well.
      const { body } = await fixture.service.request('/train/job-1/deliveries');
      if (body.outcome === 'delivered') break;
    }
    await clock.advance(30_000);
    expect(receiver.overlaps).toBe(0);
    expect(receiver.written.at(-1)).toBe('succeeded');
    const [first = Number.NaN, ...again] = receiver.finals;
    expect(first - startedAtMs).toBeLessThanOrEqual(RUNNING_MS + DEADLINE_MS + 2 * STEP_MS);
    const isCutOff = delays.update > DEADLINE_MS;
    if (delays.final > DEADLINE_MS) return;
    expect(again).toHaveLength(isCutOff ? 1 : 0);
  },
);
