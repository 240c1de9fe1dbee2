import { randomInt } from 'node:crypto';
import type { LocalFixture } from '@trainer/common/testing';
import type { AcceptedJob, PlannedJob } from '../job.ts';
import { Steering, type SteeringParts } from '../steering.ts';

const PLANS = ['succeeded', 'succeeded', 'failed', 'never'] as const;
const REDIRECTED_IN = 3;
const FORGOTTEN_IN = 4;
const RERUN_IN = 4;
const AUTHORIZATION = 'Bearer chaos';

export interface LocalWorkloadParts extends SteeringParts {
  readonly fixture: LocalFixture;
  /** A file that each start of a trainer adds its job to. */
  readonly starts: string;
}

/** Submits jobs to the service of one machine, and has some cancelled, called elsewhere, run again and forgotten. */
export class LocalWorkload {
  readonly #parts: LocalWorkloadParts;
  readonly #aside = new Set<Promise<unknown>>();
  readonly steering: Steering;
  readonly accepted: AcceptedJob[] = [];
  #count = 0;

  constructor(parts: LocalWorkloadParts) {
    this.#parts = parts;
    this.steering = new Steering(parts);
  }

  async submitSome(jobs: number): Promise<void> {
    for (let index = 0; index < jobs; index += 1) await this.#submit();
  }

  /** Resolves when nothing more is done to any job. */
  async settle(): Promise<void> {
    while (this.#aside.size > 0) await Promise.all(this.#aside);
  }

  async #submit(): Promise<void> {
    const { client, receivers } = this.#parts;
    const id = `job-${this.#count++}`;
    const { behaviours } = receivers;
    const behaviour = behaviours[this.#count % behaviours.length] ?? 'well';
    const place = { address: id, behaviour, authorization: AUTHORIZATION, heldAtMs: Date.now() };
    const plan = PLANS[randomInt(PLANS.length)] ?? 'succeeded';
    const planned: PlannedJob = { id, plan, places: [place] };
    const body = this.#toBody(planned);
    const answer = await client.insist({ method: 'POST', path: '/train', body });
    if (answer?.status !== 200) throw new Error(`${id}: ${JSON.stringify(answer?.body)}`);
    const name = String(answer.body.backend_job_id);
    const job = { ...planned, name, cancel: undefined, forgetting: undefined };
    this.accepted.push(job);
    const task = this.#steer(job).finally(() => this.#aside.delete(task));
    this.#aside.add(task);
  }

  async #steer(job: AcceptedJob): Promise<void> {
    const { steering } = this;
    const { signal } = new AbortController();
    await Promise.all([
      // One that never ends by itself would hold its cores for ever.
      job.plan === 'never' && steering.cancel(job),
      randomInt(REDIRECTED_IN) === 0 && steering.redirect(job),
      randomInt(FORGOTTEN_IN) === 0 && steering.forget(job, signal),
      randomInt(RERUN_IN) === 0 && this.#rerun(job, signal),
    ]);
  }

  async #rerun(job: AcceptedJob, signal: AbortSignal): Promise<void> {
    const child = await this.steering.rerun(job, signal);
    if (child === undefined) return;
    this.accepted.push(child);
    if (child.plan === 'never') await this.steering.cancel(child);
  }

  #toBody({ id, plan, places: [place] }: PlannedJob): object {
    const { fixture, receivers, starts } = this.#parts;
    const { address = '', behaviour = 'well' } = place ?? {};
    const checkpoint = this.#parts.checkpoints.of(id);
    const standIn = {
      ...{ outcome: plan, run_ms: randomInt(1500), record_start: starts },
      saves: checkpoint,
      ...(plan === 'never' && { obeys: { uri: checkpoint } }),
    };
    const callbacks = {
      webhook_url: receivers.urlFor(behaviour, address),
      auth_header: AUTHORIZATION,
    };
    return fixture.makeBody(id, standIn, { callbacks });
  }
}
