import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TrainingRequestInput } from '@trainer/common';
import type { Fleet } from './fleet.ts';
import type { BehaviourName, Receivers } from './receivers.ts';
import { type Answered, RetryingClient } from './retrying-client.ts';

/** What a job is made to come to; `refused` by the cluster, as its runtime does not exist. */
export type Plan = 'succeeded' | 'failed' | 'never' | 'refused';

interface PlannedJob {
  readonly id: string;
  readonly behaviour: BehaviourName;
  readonly plan: Plan;
}

/** A job that a replica accepted. */
export interface AcceptedJob extends PlannedJob {
  readonly name: string;
  /** Present when a cancel was asked for, answered or not: who died over it may have done it. */
  readonly cancel: { answeredWith?: unknown } | undefined;
}

/** A submission that was answered with the cluster's refusal. */
export interface RefusedJob extends PlannedJob {
  /** Whether its record can be the only one: an earlier attempt may have died and left another. */
  readonly isCertain: boolean;
  readonly isStillKnown: boolean;
}

const OUTCOMES = ['succeeded', 'succeeded', 'failed', 'never'] as const;
/** Has no factor in common with the number of receivers, so that each gets its share of them. */
const REFUSED_EVERY = 9;
/** Leaves a record whose submitter died to the leader first, and comes back before it can expire. */
const REFUSED_PATIENCE_MS = 12_000;

/** Submits jobs of every kind, and cancels some of them. */
export class Workload {
  readonly #client: RetryingClient;
  readonly #receivers: Receivers;
  readonly #runId = `chaos-${Date.now().toString(36)}`;
  readonly #aside = new Set<Promise<unknown>>();
  readonly accepted: AcceptedJob[] = [];
  readonly refused: RefusedJob[] = [];
  /** Submissions and cancels that nobody ever answered. */
  readonly unanswered: string[] = [];
  #count = 0;

  constructor(fleet: Fleet, receivers: Receivers) {
    this.#client = new RetryingClient(fleet);
    this.#receivers = receivers;
  }

  /** Submits one job after the other until `signal` aborts. */
  async run(pauseMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#count += 1;
      if (this.#count % REFUSED_EVERY === 0) this.#doAside(this.#submitRefused());
      else await this.#submit();
      await sleep(pauseMs);
    }
    await Promise.all(this.#aside);
  }

  async #submit(): Promise<void> {
    const planned = this.#plan(OUTCOMES[randomInt(OUTCOMES.length)] ?? 'succeeded');
    const answer = await this.#client.insist('/train', this.#toRequest(planned));
    const cancel = planned.plan === 'never' || randomInt(4) === 0 ? {} : undefined;
    const job = this.#accept(planned, cancel, answer);
    if (job?.cancel !== undefined) this.#doAside(this.#cancelLater(job.id, job.cancel));
  }

  async #submitRefused(): Promise<void> {
    const planned = this.#plan('refused');
    const request = this.#toRequest(planned);
    const answer = await this.#client.insist('/train', request, REFUSED_PATIENCE_MS);
    if (answer?.body.code !== 'SUBMISSION_REFUSED') {
      this.#accept(planned, undefined, answer);
      return;
    }
    const isCertain = answer.isFirst;
    const isStillKnown = isCertain && (await this.#client.isStillKnown(planned.id));
    this.refused.push({ ...planned, isCertain, isStillKnown });
  }

  async #cancelLater(id: string, cancel: NonNullable<AcceptedJob['cancel']>): Promise<void> {
    await sleep(randomInt(4000));
    const answer = await this.#client.insist(`/train/${id}/cancel`);
    // An expired job cannot be cancelled any more.
    if (answer?.status === 404) return;
    if (this.#isAnswered(id, answer)) cancel.answeredWith = answer.body.status;
  }

  #plan(plan: Plan): PlannedJob {
    const { behaviours } = this.#receivers;
    const behaviour = behaviours[this.#count % behaviours.length] ?? 'well';
    return { id: `${this.#runId}-${this.#count}`, behaviour, plan };
  }

  #accept(
    planned: PlannedJob,
    cancel: AcceptedJob['cancel'],
    answer: Answered | undefined,
  ): AcceptedJob | undefined {
    if (!this.#isAnswered(planned.id, answer)) return undefined;
    const job = { ...planned, name: String(answer.body.backend_job_id), cancel };
    this.accepted.push(job);
    return job;
  }

  #isAnswered(id: string, answer: Answered | undefined): answer is Answered {
    if (answer === undefined) this.unanswered.push(id);
    // Any other refusal is a fault of ours.
    else if (answer.status !== 200) throw new Error(`${id}: ${JSON.stringify(answer.body)}`);
    return answer !== undefined;
  }

  #doAside(work: Promise<unknown>): void {
    const task = work.finally(() => this.#aside.delete(task));
    this.#aside.add(task);
  }

  #toRequest({ id, behaviour, plan }: PlannedJob): TrainingRequestInput {
    const webhookUrl = this.#receivers.urlFor(behaviour, id);
    return {
      job_id: id,
      base_model: { provider: 'custom', model_name: 'chaos', huggingface_token: 'hf_chaos_token' },
      datasets: [{ source: 's3://bucket/data.jsonl', format: 'jsonl' }],
      artifacts: { log_uri: 's3://bucket/logs/', output_uri: 's3://bucket/out/' },
      callbacks: { webhook_url: webhookUrl, auth_header: 'Bearer chaos' },
      extra_parameters:
        plan === 'refused'
          ? { runtime_ref: { name: 'absent-runtime' } }
          : { trainer_args: [`--testbed-outcome=${plan}`, `--testbed-run-ms=${randomInt(3000)}`] },
    };
  }
}
