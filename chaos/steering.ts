import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterAudit } from './cluster-audit.ts';
import type { AcceptedJob, Place } from './job.ts';
import type { Receivers } from './receivers.ts';
import type { Answered, RetryingClient } from './retrying-client.ts';

export interface SteeringParts {
  readonly client: RetryingClient;
  readonly receivers: Receivers;
  readonly audit: Pick<ClusterAudit, 'listLeft'>;
  readonly checkpoints: Checkpoints;
  /** How long at most there is from one thing that is done to a job to the next. */
  readonly paceMs: number;
}

/** What trainings save. */
export interface Checkpoints {
  /** The address of the only one of a job. */
  of(jobId: string): string;
  /** Has it reported as by the job's training, once; absent where trainings do that themselves. */
  report?(job: AcceptedJob): Promise<void>;
  /** Changes by which the results of a job go to a place of its own, with the credentials for that. */
  elsewhere(jobId: string): object;
}

/** One change in so many takes the webhook away, and one in so many brings an `auth_header`. */
const NOWHERE_IN = 6;
const AUTH_IN = 2;
/** So that a history keeps all that was asked for. */
const MAX_CHANGES = 2;
const FORGET_PAUSE_MS = 400;
const FORGET_PATIENCE_MS = 20_000;
const RERUN_PATIENCE_MS = 10_000;
const RERUN_PAUSE_MS = 300;
/** One rerun in so many goes on from a checkpoint, and of those one writes its results elsewhere. */
const RESUMED_IN = 2;
const ELSEWHERE_IN = 2;
/** Of answers about a rerun, so many may be older than it. */
const FAMILY_LOOKS = 30;
/** Answers to a rerun for which it is too late: the credentials are gone, or the job is. */
const TOO_LATE: readonly unknown[] = ['RERUN_REFUSED', 'JOB_NOT_FOUND'];
/** Answers to one whose time has not come. */
const TOO_EARLY: readonly unknown[] = ['JOB_NOT_ENDED', 'JOB_BEING_STOPPED'];
/** Answers to a DELETE whose time has not come. */
const NOT_YET: readonly unknown[] = ['JOB_NOT_ENDED', 'JOB_BEING_STOPPED', 'CALLBACK_UNDELIVERED'];

/** Cancels jobs, changes where their callbacks go, runs them again, and has them forgotten. */
export class Steering {
  readonly #parts: SteeringParts;
  /** Calls that nobody ever answered, by the id of their job. */
  readonly unanswered: string[] = [];
  /** What was left of jobs when their forgetting was acknowledged. */
  readonly keptThoughForgotten: string[] = [];
  /** Reruns of which the job before them, or they themselves, told otherwise. */
  readonly familyWrong: string[] = [];
  #count = 0;

  constructor(parts: SteeringParts) {
    this.#parts = parts;
  }

  /** Cancels a job, half of them with the order to save a checkpoint first. */
  async cancel(job: AcceptedJob): Promise<void> {
    const cancel: AcceptedJob['cancel'] = {};
    job.cancel = cancel;
    await sleep(randomInt(this.#parts.paceMs));
    const save = randomInt(2) === 0 ? '?save=true' : '';
    const answer = await this.#insist(job, 'POST', `/cancel${save}`);
    // An expired job cannot be cancelled any more.
    if (answer === undefined || answer.status === 404) return;
    if (answer.status !== 200) throw new Error(`${job.id}: ${JSON.stringify(answer.body)}`);
    cancel.answeredWith = answer.body.status;
  }

  /** Has the callbacks of a job go elsewhere, and perhaps elsewhere again. */
  async redirect(job: AcceptedJob): Promise<void> {
    for (let change = randomInt(MAX_CHANGES); change < MAX_CHANGES; change += 1) {
      await sleep(randomInt(this.#parts.paceMs));
      const place = this.#choosePlace(job);
      const answer = await this.#insist(job, 'PATCH', '/callbacks', this.#toPatch(place));
      const isHeld = answer?.status === 200;
      if (isHeld) job.places.push({ ...place, heldAtMs: Date.now() });
      else if (!answer?.isFirst) job.places.push(place);
      if (isHeld) continue;
      const isTooLate = answer?.status === 404 || answer?.body.code === 'CALLBACK_CHANGE_REFUSED';
      if (answer === undefined || isTooLate) return;
      throw new Error(`${job.id}: ${JSON.stringify(answer.body)}`);
    }
  }

  /** Asks for a job to be forgotten until it is, or until that takes too long. */
  async forget(job: AcceptedJob, signal: AbortSignal): Promise<void> {
    await sleep(randomInt(2 * this.#parts.paceMs));
    const isForced = randomInt(3) === 0;
    const forgetting = { isForced, mayBeDone: false, acknowledgedAtMs: undefined };
    job.forgetting = forgetting;
    const untilMs = Date.now() + FORGET_PATIENCE_MS;
    while (Date.now() < untilMs && !signal.aborted) {
      const answer = await this.#insist(job, 'DELETE', isForced ? '?force=true' : '');
      forgetting.mayBeDone ||= !answer?.isFirst;
      if (answer?.status === 204) {
        job.forgetting = { ...forgetting, acknowledgedAtMs: Date.now() };
        await this.#lookFor(job);
        return;
      }
      if (answer === undefined || answer.status === 404) return;
      if (!NOT_YET.includes(answer.body.code)) {
        throw new Error(`${job.id}: ${JSON.stringify(answer.body)}`);
      }
      await sleep(FORGET_PAUSE_MS);
    }
  }

  /** Runs a job again once it has ended, from the start or its checkpoint; undefined where nothing came of that. */
  async rerun(job: AcceptedJob, signal: AbortSignal): Promise<AcceptedJob | undefined> {
    const { checkpoints, paceMs } = this.#parts;
    const id = `${job.id}-r`;
    const from = randomInt(RESUMED_IN) === 0 ? 'checkpoint' : 'start';
    const isResumed = from === 'checkpoint';
    const isElsewhere = isResumed && randomInt(ELSEWHERE_IN) === 0;
    if (isResumed) await checkpoints.report?.(job);
    await sleep(randomInt(paceMs));
    const [first] = job.places;
    const place = { ...first, behaviour: first?.behaviour ?? 'well', address: id } as Place;
    const { webhook_url, auth_header } = this.#toPatch(place) as Record<string, string>;
    const changes = {
      callbacks: { webhook_url, auth_header },
      ...(isElsewhere && checkpoints.elsewhere(id)),
    };
    const resumeFrom = isElsewhere ? checkpoints.of(job.id) : isResumed ? job.id : undefined;
    const untilMs = Date.now() + RERUN_PATIENCE_MS;
    while (Date.now() < untilMs && !signal.aborted) {
      const body = { job_id: id, from, changes };
      const answer = await this.#insist(job, 'POST', '/rerun', body);
      // What was reported is not written at once, and lost with who had heard it: it is reported again.
      const mayBeEarly = isResumed && answer?.body.code === 'RERUN_REFUSED';
      if (mayBeEarly) await checkpoints.report?.(job);
      else if (answer === undefined || TOO_LATE.includes(answer.body.code)) return undefined;
      if (answer.status === 200) {
        const name = String(answer.body.backend_job_id);
        const places = [{ ...place, heldAtMs: Date.now() }];
        const { plan } = job;
        const child = { id, name, plan, places, cancel: undefined, forgetting: undefined };
        await this.#repeat(job, body);
        await this.#lookForFamily(job, child, resumeFrom);
        return { ...child, rerunOf: { jobId: job.id, from } };
      }
      if (!mayBeEarly && !TOO_EARLY.includes(answer.body.code)) {
        throw new Error(`${id}: ${JSON.stringify(answer.body)}`);
      }
      await sleep(RERUN_PAUSE_MS);
    }
    return undefined;
  }

  /** Asks for a rerun that is there already, which makes no other one, whatever has become of its parent. */
  async #repeat(parent: AcceptedJob, body: { readonly job_id: string }): Promise<void> {
    const answer = await this.#insist(parent, 'POST', '/rerun', body);
    // By then it may have expired, and be made anew or refused.
    if (answer === undefined || answer.status === 200) return;
    if (TOO_LATE.includes(answer.body.code)) return;
    this.familyWrong.push(`${body.job_id}: repeated, ${JSON.stringify(answer.body)}`);
  }

  /** Each replica learns of the other's writes by a watch, which may take a moment. */
  async #lookForFamily(
    parent: AcceptedJob,
    child: AcceptedJob,
    resumeFrom: string | undefined,
  ): Promise<void> {
    const { client } = this.#parts;
    let told = '';
    for (let looks = 0; looks < FAMILY_LOOKS; await sleep(RERUN_PAUSE_MS)) {
      const [before, after] = [await client.read(parent.id), await client.read(child.id)];
      const asked = await client.read(child.id, '/request');
      if (before === undefined || after === undefined || asked === undefined) continue;
      looks += 1;
      // By then one of them may have expired, or be forgotten.
      if ([before, after, asked].some(({ status }) => status === 404)) return;
      const { reruns } = before.body;
      const { rerun_of } = after.body;
      const isTold = Array.isArray(reruns) && reruns.includes(child.id);
      const resumed = toResumed(asked.body.request);
      if (isTold && rerun_of === parent.id && resumed === resumeFrom) return;
      told = `${child.id}: rerun_of ${rerun_of}, reruns ${reruns}, resume_from ${resumed}`;
    }
    this.familyWrong.push(told);
  }

  async #lookFor({ id, name }: AcceptedJob): Promise<void> {
    const { audit, client } = this.#parts;
    const left = await audit.listLeft(name);
    const isKnown = await client.isStillKnown(id);
    this.keptThoughForgotten.push(
      ...left.map((object) => `${id}: ${object}`),
      ...(isKnown ? [`${id}: still known`] : []),
    );
  }

  #choosePlace({ places }: AcceptedJob): Place {
    const { behaviours } = this.#parts.receivers;
    this.#count += 1;
    const behaviour = behaviours[this.#count % behaviours.length] ?? 'well';
    const address = `${places[0]?.address}.${this.#count}`;
    // From nowhere to nowhere is no change, of which no history tells.
    const wasNowhere = places.some((place) => place.address === undefined);
    if (randomInt(NOWHERE_IN) === 0 && !wasNowhere) {
      return { address: undefined, behaviour, authorization: undefined, heldAtMs: undefined };
    }
    const authorization = randomInt(AUTH_IN) === 0 ? `Bearer ${address}` : undefined;
    return { address, behaviour, authorization, heldAtMs: undefined };
  }

  #toPatch({ address, behaviour, authorization }: Place): object {
    if (address === undefined) return { webhook_url: null };
    const webhook_url = this.#parts.receivers.urlFor(behaviour, address);
    return { webhook_url, ...(authorization !== undefined && { auth_header: authorization }) };
  }

  async #insist(
    { id }: AcceptedJob,
    method: 'POST' | 'PATCH' | 'DELETE',
    path: string,
    body?: object,
  ): Promise<Answered | undefined> {
    const call = { method, path: `/train/${id}${path}`, ...(body && { body }) };
    const answer = await this.#parts.client.insist(call);
    if (answer === undefined) this.unanswered.push(id);
    return answer;
  }
}

/** From where a request has its training go on; undefined for from the start. */
function toResumed(request: unknown): unknown {
  const { extra_parameters } = (request ?? {}) as {
    readonly extra_parameters?: { readonly resume_from?: unknown };
  };
  return extra_parameters?.resume_from;
}
