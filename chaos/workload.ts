import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TrainingRequestInput } from '../packages/common/src/index.ts';
import type { Fleet } from './fleet.ts';
import type { BehaviourName, Receivers } from './receivers.ts';

/** A job that a replica accepted. */
export interface AcceptedJob {
  readonly id: string;
  readonly name: string;
  readonly behaviour: BehaviourName;
}

const OUTCOMES = ['succeeded', 'succeeded', 'failed', 'never'] as const;
const PATIENCE_MS = 120_000;
const CALL_TIMEOUT_MS = 15_000;

/** Submits jobs of every kind to whichever replica is alive, and cancels some of them. */
export class Workload {
  readonly #fleet: Fleet;
  readonly #receivers: Receivers;
  readonly #runId = `chaos-${Date.now().toString(36)}`;
  readonly #cancels = new Set<Promise<unknown>>();
  readonly accepted: AcceptedJob[] = [];
  #count = 0;

  constructor(fleet: Fleet, receivers: Receivers) {
    this.#fleet = fleet;
    this.#receivers = receivers;
  }

  /** Submits one job after the other until `signal` aborts. */
  async run(pauseMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#submit();
      await sleep(pauseMs);
    }
    await Promise.all(this.#cancels);
  }

  async #submit(): Promise<void> {
    this.#count += 1;
    const id = `${this.#runId}-${this.#count}`;
    const behaviours = this.#receivers.behaviours;
    const behaviour = behaviours[this.#count % behaviours.length] ?? 'well';
    const outcome = OUTCOMES[randomInt(OUTCOMES.length)] ?? 'succeeded';
    const body = toRequest(id, outcome, this.#receivers.urlFor(behaviour, id));
    const answer = await this.#insist('/train', body);
    if (answer === undefined) return;
    this.accepted.push({ id, name: String(answer.backend_job_id), behaviour });
    if (outcome === 'never' || randomInt(4) === 0) this.#cancelLater(id);
  }

  #cancelLater(id: string): void {
    const task = sleep(randomInt(4000))
      .then(() => this.#insist(`/train/${id}/cancel`, undefined))
      .finally(() => this.#cancels.delete(task));
    this.#cancels.add(task);
  }

  /** What a careful client does: repeats until someone answers; undefined when nobody ever does. */
  async #insist(path: string, body: unknown): Promise<Record<string, unknown> | undefined> {
    const endsAtMs = Date.now() + PATIENCE_MS;
    while (Date.now() < endsAtMs) {
      const urls = this.#fleet.urls;
      const url = urls[randomInt(Math.max(1, urls.length))];
      const response = url === undefined ? undefined : await post(`${url}${path}`, body);
      if (response?.ok) return (await response.json()) as Record<string, unknown>;
      // An expired job cannot be cancelled any more; any other refusal is a fault of ours.
      if (response?.status === 404) return undefined;
      if (response !== undefined && response.status < 500) {
        throw new Error(`${path} was refused: ${await response.text()}`);
      }
      await sleep(200);
    }
    return undefined;
  }
}

async function post(url: string, body: unknown): Promise<Response | undefined> {
  try {
    return await fetch(url, {
      method: 'POST',
      signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
      ...(body !== undefined && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    });
  } catch {
    return undefined;
  }
}

function toRequest(id: string, outcome: string, webhookUrl: string): TrainingRequestInput {
  return {
    job_id: id,
    base_model: { provider: 'custom', model_name: 'chaos', huggingface_token: 'hf_chaos_token' },
    datasets: [{ source: 's3://bucket/data.jsonl', format: 'jsonl' }],
    artifacts: { log_uri: 's3://bucket/logs/', output_uri: 's3://bucket/out/' },
    callbacks: { webhook_url: webhookUrl, auth_header: 'Bearer chaos' },
    extra_parameters: {
      trainer_args: [`--testbed-outcome=${outcome}`, `--testbed-run-ms=${randomInt(3000)}`],
    },
  };
}
