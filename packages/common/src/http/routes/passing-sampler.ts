import type { Clock } from '../../clock.ts';
import type { Jobs } from '../../controller/jobs.ts';
import { toEventText } from '../plugins/event-stream.ts';
import { toPassingEvents } from './passing-events.ts';

const SAMPLE_MS = 2000;
/** Looking takes no more than a twentieth of the time, however many jobs there are. */
const MAX_SHARE = 1 / 20;

interface Sample {
  readonly jobId: string;
  readonly said: string;
  readonly text: string;
  /** The round in which it was first seen. */
  readonly round: number;
}

/** What all running jobs say that passes, looked at once for all who follow them. */
export class PassingSampler {
  readonly #jobs: Pick<Jobs, 'views'>;
  readonly #clock: Clock;
  #samples = new Map<string, Sample>();
  #round = 0;
  #nextAtMs = Number.NEGATIVE_INFINITY;

  constructor(jobs: Pick<Jobs, 'views'>, clock: Clock) {
    this.#jobs = jobs;
    this.#clock = clock;
  }

  /** What has changed since that round, which is the newest one for who was told all before it. */
  changesSince(told: number): { readonly round: number; readonly samples: readonly Sample[] } {
    this.#look();
    if (told === this.#round) return { round: told, samples: [] };
    return {
      round: this.#round,
      samples: [...this.#samples.values()].filter(({ round }) => round > told),
    };
  }

  #look(): void {
    const beganAtMs = this.#clock.monotonic();
    if (beganAtMs < this.#nextAtMs) return;
    this.#round += 1;
    const samples = new Map<string, Sample>();
    for (const view of this.#jobs.views()) {
      const { record, state } = view;
      if (state.status !== 'running') continue;
      for (const { type, said, toData } of toPassingEvents(view)) {
        const key = `${record.uid} ${type}`;
        const known = this.#samples.get(key);
        if (known?.said === said) {
          samples.set(key, known);
          continue;
        }
        const text = toEventText({ event: type, data: toData(this.#clock.now()) });
        samples.set(key, { jobId: record.id, said, text, round: this.#round });
      }
    }
    this.#samples = samples;
    const tookMs = this.#clock.monotonic() - beganAtMs;
    this.#nextAtMs = beganAtMs + Math.max(SAMPLE_MS, tookMs / MAX_SHARE);
  }
}
