import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TrainingRequestInput } from '@trainer/common';
import type { AcceptedJob, Plan, PlannedJob, RefusedJob } from './job.ts';
import { HF_TOKEN, OUTPUT_URI } from './reported-checkpoints.ts';
import type { Answered, RetryingClient } from './retrying-client.ts';
import { Steering, type SteeringParts } from './steering.ts';

const OUTCOMES = ['succeeded', 'succeeded', 'failed', 'never'] as const;
/** Has no factor in common with the number of receivers, so that each gets its share of them. */
const REFUSED_EVERY = 9;
/** Leaves a record whose submitter died to the leader first, and comes back before it can expire. */
const REFUSED_PATIENCE_MS = 12_000;
/** One job in so many that end by themselves is cancelled; and of all, one has its callbacks changed, … */
const CANCELLED_IN = 4;
const REDIRECTED_IN = 3;
/** … one is forgotten, and of those one has its id used again. */
const FORGOTTEN_IN = 3;
const REUSED_IN = 2;
const RERUN_IN = 4;
const AUTHORIZATION = 'Bearer chaos';

/** Submits jobs of every kind, and has some of them cancelled, called elsewhere, run again and forgotten. */
export class Workload {
  readonly #client: RetryingClient;
  readonly #receivers: SteeringParts['receivers'];
  readonly #runId = `chaos-${Date.now().toString(36)}`;
  readonly #aside = new Set<Promise<unknown>>();
  readonly steering: Steering;
  readonly accepted: AcceptedJob[] = [];
  readonly refused: RefusedJob[] = [];
  readonly #unanswered: string[] = [];
  #count = 0;

  constructor(parts: SteeringParts) {
    this.#client = parts.client;
    this.#receivers = parts.receivers;
    this.steering = new Steering(parts);
  }

  /** Calls that nobody ever answered, by the id of their job. */
  get unanswered(): readonly string[] {
    return [...this.#unanswered, ...this.steering.unanswered];
  }

  /** Submits one job after the other until `signal` aborts. */
  async run(pauseMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#count += 1;
      if (this.#count % REFUSED_EVERY === 0) this.#doAside(this.#submitRefused());
      else await this.#submit(signal);
      await sleep(pauseMs);
    }
    while (this.#aside.size > 0) await Promise.all(this.#aside);
  }

  async #submit(signal: AbortSignal): Promise<void> {
    const planned = this.#plan(OUTCOMES[randomInt(OUTCOMES.length)] ?? 'succeeded');
    const job = this.#accept(planned, await this.#post(planned));
    if (job !== undefined) this.#doAside(this.#steer(job, signal));
  }

  /** All at once, as they come from people who do not know of each other. */
  async #steer(job: AcceptedJob, signal: AbortSignal): Promise<void> {
    const isCancelled = job.plan === 'never' || randomInt(CANCELLED_IN) === 0;
    await Promise.all([
      isCancelled && this.steering.cancel(job),
      randomInt(REDIRECTED_IN) === 0 && this.steering.redirect(job),
      randomInt(FORGOTTEN_IN) === 0 && this.steering.forget(job, signal),
      randomInt(RERUN_IN) === 0 && this.#rerun(job, signal),
    ]);
    if (job.forgetting?.acknowledgedAtMs === undefined || randomInt(REUSED_IN) > 0) return;
    const planned = this.#plan('succeeded', job.id);
    const answer = await this.#post(planned);
    // Then the forgotten one stands in the way.
    if (answer?.status === 409) {
      this.steering.keptThoughForgotten.push(`${job.id}: ${JSON.stringify(answer.body)}`);
    } else {
      this.#accept(planned, answer);
    }
  }

  async #rerun(job: AcceptedJob, signal: AbortSignal): Promise<void> {
    const child = await this.steering.rerun(job, signal);
    if (child === undefined) return;
    this.accepted.push(child);
    // One that never ends by itself would never be told of.
    if (child.plan === 'never') await this.steering.cancel(child);
  }

  async #submitRefused(): Promise<void> {
    const planned = this.#plan('refused');
    const answer = await this.#post(planned, REFUSED_PATIENCE_MS);
    if (answer?.body.code !== 'SUBMISSION_REFUSED') {
      this.#accept(planned, answer);
      return;
    }
    const isCertain = answer.isFirst;
    const isStillKnown = isCertain && (await this.#client.isStillKnown(planned.id));
    this.refused.push({ ...planned, isCertain, isStillKnown });
  }

  #post(planned: PlannedJob, patienceMs?: number): Promise<Answered | undefined> {
    const body = this.#toRequest(planned);
    return this.#client.insist({
      ...{ method: 'POST', path: '/train', body },
      ...(patienceMs !== undefined && { patienceMs }),
    });
  }

  #plan(plan: Plan, usedId?: string): PlannedJob {
    const { behaviours } = this.#receivers;
    const behaviour = behaviours[this.#count % behaviours.length] ?? 'well';
    const id = usedId ?? `${this.#runId}-${this.#count}`;
    const address = usedId === undefined ? id : `${id}-again`;
    const heldAtMs = Date.now();
    return { id, plan, places: [{ address, behaviour, authorization: AUTHORIZATION, heldAtMs }] };
  }

  #accept(planned: PlannedJob, answer: Answered | undefined): AcceptedJob | undefined {
    if (answer === undefined) {
      this.#unanswered.push(planned.id);
      return undefined;
    }
    // Any other refusal is a fault of ours.
    if (answer.status !== 200) throw new Error(`${planned.id}: ${JSON.stringify(answer.body)}`);
    const name = String(answer.body.backend_job_id);
    const job = { ...planned, name, cancel: undefined, forgetting: undefined };
    this.accepted.push(job);
    return job;
  }

  #doAside(work: Promise<unknown>): void {
    const task = work.finally(() => this.#aside.delete(task));
    this.#aside.add(task);
  }

  #toRequest({ id, places: [place], plan }: PlannedJob): TrainingRequestInput {
    const { behaviour = 'well', address = '' } = place ?? {};
    const webhookUrl = this.#receivers.urlFor(behaviour, address);
    return {
      job_id: id,
      base_model: { provider: 'custom', model_name: 'chaos', huggingface_token: HF_TOKEN },
      datasets: [{ source: 's3://bucket/data.jsonl', format: 'jsonl' }],
      artifacts: { log_uri: 's3://bucket/logs/', output_uri: OUTPUT_URI },
      callbacks: { webhook_url: webhookUrl, auth_header: AUTHORIZATION },
      extra_parameters:
        plan === 'refused'
          ? { runtime_ref: { name: 'absent-runtime' } }
          : { trainer_args: [`--testbed-outcome=${plan}`, `--testbed-run-ms=${randomInt(3000)}`] },
    };
  }
}
