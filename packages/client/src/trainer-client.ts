import { Backoff } from './backoff.ts';
import { Caller } from './caller.ts';
import type {
  CallOptions,
  CancelOptions,
  FollowOptions,
  ListOptions,
  LogOptions,
  MetricsOptions,
  TrainerClientOptions,
  WaitOptions,
} from './client-options.ts';
import { readEventStream } from './event-stream.ts';
import {
  type CallbackPatch,
  type CallbackSettings,
  type Deliveries,
  type DeliveryList,
  type DeliveryState,
  type Followed,
  type History,
  isEnded,
  type Job,
  type JobList,
  type JobRequest,
  type Metrics,
  type Plan,
  type ReplayAnswer,
  type RerunRequest,
  type TrainingRequest,
  type Version,
} from './job.ts';
import { LIST_FILTERS } from './list-filters.ts';
import { toPath, toQuery } from './paths.ts';
import { type LogItem, readLog } from './read-log.ts';
import { type Answer, openStream } from './send.ts';
import { TrainerApiError } from './trainer-api-error.ts';
import { toFollowed } from './wire-events.ts';

export interface Submitted {
  readonly job: Job;
  /** The same request had been submitted before, so nothing was created. */
  readonly isReplay: boolean;
}

/**
 * A client of one Trainer API. Every method rejects with a TrainerApiError, or with the reason of
 * its signal. It is stateless, so one may serve a whole process.
 */
export class TrainerClient {
  readonly #caller: Caller;

  /** @throws TypeError when `baseUrl` is not an http(s) URL, or holds a user name or password. */
  constructor(options: TrainerClientOptions) {
    this.#caller = new Caller(options);
  }

  /** Submits a job. Safe to repeat: the same request never makes a second one. */
  async submit(request: TrainingRequest, options: CallOptions = {}): Promise<Submitted> {
    const body = JSON.stringify(request);
    return toSubmitted(await this.#caller.call('POST', 'train', { ...options, body }));
  }

  /**
   * Runs a job that has ended again, as a new one with changes. Safe to repeat, as `submit`. Callbacks
   * are never taken over, and stored credentials only where the changes leave alone where they go.
   */
  async rerun(jobId: string, request: RerunRequest, options: CallOptions = {}): Promise<Submitted> {
    const body = JSON.stringify(request);
    const answer = await this.#caller.call('POST', `${toPath(jobId)}/rerun`, { ...options, body });
    return toSubmitted(answer);
  }

  /** Tells what would become of a request, and creates nothing: its errors are in the answer. */
  async plan(request: TrainingRequest, options: CallOptions = {}): Promise<Plan> {
    const body = JSON.stringify(request);
    return (await this.#caller.call('POST', 'plans', { ...options, body })).body as unknown as Plan;
  }

  /** The latest state of a job. */
  async get(jobId: string, options: CallOptions = {}): Promise<Job> {
    return toJob((await this.#caller.call('GET', toPath(jobId), options)).body);
  }

  /** One page of the jobs of a service, newest first. */
  async list(options: ListOptions = {}): Promise<JobList> {
    const { status, labels = {}, limit, cursor, signal } = options;
    const filters = Object.entries(LIST_FILTERS).map(([key, name]) => {
      const value = options[key as keyof typeof LIST_FILTERS];
      return [name, value instanceof Date ? value.toISOString() : value];
    });
    const query = toQuery({
      status,
      ...Object.fromEntries(filters),
      ...{ limit, cursor },
      ...Object.fromEntries(Object.entries(labels).map(([key, value]) => [`label[${key}]`, value])),
    });
    return (await this.#caller.call('GET', `train${query}`, signal ? { signal } : {}))
      .body as unknown as JobList;
  }

  /**
   * Asks for the end of a job; one that has ended stays as it is, as `detail` then says. With `save`
   * its training first saves a checkpoint, where it takes orders.
   */
  async cancel(jobId: string, { save = false, ...options }: CancelOptions = {}): Promise<Job> {
    const path = `${toPath(jobId)}/cancel${save ? '?save=true' : ''}`;
    return toJob((await this.#caller.call('POST', path, options)).body);
  }

  /**
   * Forgets a job that has ended, with its credentials; its id is free then. With `force`, a final
   * callback that is not delivered yet is given up. After a lost answer, JOB_NOT_FOUND may mean that it
   * is done.
   */
  async forget(
    jobId: string,
    { force = false, ...options }: CallOptions & { readonly force?: boolean } = {},
  ): Promise<void> {
    await this.#caller.call('DELETE', `${toPath(jobId)}${force ? '?force=true' : ''}`, options);
  }

  /**
   * Resolves with the job once it has ended, in whatever way. Polls, slower while nothing changes,
   * and rides out failures that may pass for as long as `signal` lets it.
   */
  async wait(jobId: string, { signal, onProgress }: WaitOptions = {}): Promise<Job> {
    const polls = new Backoff(this.#caller.options.pollPace);
    let known = '';
    for (;;) {
      let retryAfterMs = 0;
      try {
        const job = await this.get(jobId, signal && { signal });
        const { status, reason, detail, progress } = job;
        const seen = JSON.stringify([status, reason, detail, progress]);
        if (seen !== known) {
          known = seen;
          polls.reset();
          onProgress?.(job);
        }
        if (isEnded(job)) return job;
      } catch (error) {
        if (!(error instanceof TrainerApiError) || !error.isPassing) throw error;
        retryAfterMs = error.retryAfterMs ?? 0;
      }
      await polls.wait(signal, retryAfterMs);
    }
  }

  /**
   * Changes where the callbacks of a job go, until its final one is settled. Another `webhook_url`
   * drops the stored `auth_header`, unless one is given.
   */
  async changeCallbacks(
    jobId: string,
    patch: CallbackPatch,
    options: CallOptions = {},
  ): Promise<CallbackSettings> {
    const path = `${toPath(jobId)}/callbacks`;
    const body = JSON.stringify(patch);
    return (await this.#caller.call('PATCH', path, { ...options, body }))
      .body as unknown as CallbackSettings;
  }

  /** What happened to a job, oldest first; `after` leaves out the events up to that one. */
  async history(
    jobId: string,
    { after, ...call }: CallOptions & { readonly after?: number } = {},
  ): Promise<History> {
    const { body } = await this.#caller.call(
      'GET',
      `${toPath(jobId)}/events${toQuery({ after })}`,
      call,
    );
    return body as unknown as History;
  }

  /**
   * Tells how jobs are, and from then on what happens to them, until its reader stops or `signal` is
   * aborted. After a break it goes on where it was: an event may come twice, none is lost.
   */
  async *follow({
    jobIds = [],
    status = [],
    fromNow = false,
    signal,
  }: FollowOptions = {}): AsyncGenerator<Followed> {
    const { fetch, retryPace } = this.#caller.options;
    const pause = new Backoff(retryPace);
    let cursor = fromNow ? undefined : '0';
    for (;;) {
      let retryAfterMs = 0;
      try {
        const query = toQuery({ job_id: jobIds, status, after: cursor });
        const headers = await this.#caller.headers();
        const accept = 'text/event-stream, application/problem+json';
        const call = {
          url: this.#caller.toUrl(`events${query}`),
          headers: { ...headers, accept },
        };
        for await (const event of readEventStream(fetch, call, signal)) {
          cursor = event.id ?? cursor;
          const followed = toFollowed(event);
          if (followed === undefined) continue;
          pause.reset();
          yield followed;
        }
      } catch (error) {
        if (!(error instanceof TrainerApiError) || !error.isPassing) throw error;
        retryAfterMs = error.retryAfterMs ?? 0;
      }
      await pause.wait(signal, retryAfterMs);
    }
  }

  /** What a job was asked for: as it was sent, and with its defaults; both without credentials. */
  async request(jobId: string, options: CallOptions = {}): Promise<JobRequest> {
    const { body } = await this.#caller.call('GET', `${toPath(jobId)}/request`, options);
    return body as unknown as JobRequest;
  }

  /** What a job measured while it trained; no series where nothing was. */
  async metrics(jobId: string, options: MetricsOptions = {}): Promise<Metrics> {
    const { names = [], fromStep, maxPoints, ...call } = options;
    const query = toQuery({ name: names, from_step: fromStep, max_points: maxPoints });
    const { body } = await this.#caller.call('GET', `${toPath(jobId)}/metrics${query}`, call);
    return body as unknown as Metrics;
  }

  /**
   * What a job writes, line by line, and at last why there is no more. One that is followed rides out
   * failures that may pass, and goes on where it broke off.
   */
  async *logs(jobId: string, options: LogOptions = {}): AsyncGenerator<LogItem, void, undefined> {
    const path = `${toPath(jobId)}/logs`;
    const { follow = false, previous = false, since, tail, signal, ...filters } = options;
    const { timeoutMs, fetch, retryPace } = this.#caller.options;
    const asked = { ...filters, ...(follow && { follow: 'true' }) };
    const start = { tail, since: since instanceof Date ? since.toISOString() : since };
    const open = async (after: string | undefined) => {
      const query = toQuery({
        ...asked,
        ...(previous && { previous: 'true' }),
        ...(after === undefined ? start : { since: after }),
      });
      const url = this.#caller.toUrl(`${path}${query}`);
      const headers = {
        ...(await this.#caller.headers()),
        accept: 'application/x-ndjson, application/problem+json',
      };
      return openStream(fetch, { method: 'GET', url, headers }, { signal, timeoutMs });
    };
    yield* readLog({ open, follows: follow, backoff: new Backoff(retryPace), signal });
  }

  /** How the final callback of a job fares. */
  async deliveries(jobId: string, options: CallOptions = {}): Promise<Deliveries> {
    const { body } = await this.#caller.call('GET', `${toPath(jobId)}/deliveries`, options);
    return body as unknown as Deliveries;
  }

  /** Has the newest callback of a job sent again. Not repeated when it fails, since it may have worked. */
  async replay(jobId: string, options: CallOptions = {}): Promise<Deliveries> {
    const path = `${toPath(jobId)}/deliveries/replay`;
    const { body } = await this.#caller.call('POST', path, { ...options, retries: 0 });
    return body as unknown as Deliveries;
  }

  /** One page of the final callbacks of all jobs, those that ended last first. */
  async listDeliveries(
    query: CallOptions & {
      readonly state?: readonly DeliveryState[];
      readonly limit?: number;
      readonly cursor?: string;
    } = {},
  ): Promise<DeliveryList> {
    const { state, limit, cursor, ...options } = query;
    const asked = toQuery({ state, limit, cursor });
    const { body } = await this.#caller.call('GET', `deliveries${asked}`, options);
    return body as unknown as DeliveryList;
  }

  /**
   * Has the callbacks of some jobs, or of one state, sent again, 1,000 at most; to go on with a state,
   * give the `next_cursor` of the answer. Not repeated when it fails, since it may have worked.
   */
  async replayMany(
    wanted:
      | { readonly state: DeliveryState; readonly cursor?: string }
      | { readonly job_ids: readonly string[] },
    options: CallOptions = {},
  ): Promise<ReplayAnswer> {
    const body = JSON.stringify(wanted);
    const answer = await this.#caller.call('POST', 'deliveries/replay', {
      ...options,
      body,
      retries: 0,
    });
    return answer.body as unknown as ReplayAnswer;
  }

  /** Which release answers, and where it runs jobs. */
  async version(options: CallOptions = {}): Promise<Version> {
    return (await this.#caller.call('GET', 'version', options)).body as unknown as Version;
  }
}

function toSubmitted({ body, headers }: Answer): Submitted {
  return { job: toJob(body), isReplay: headers.get('idempotent-replayed') === 'true' };
}

function toJob(body: Record<string, unknown>): Job {
  if (typeof body.job_id !== 'string' || typeof body.status !== 'string') {
    const message = 'The answer, of status 200, is not one of a Trainer API.';
    throw new TrainerApiError(message, { code: 'UNEXPECTED_ANSWER', status: 200 });
  }
  return body as unknown as Job;
}
