import { Backoff, type Pace } from './backoff.ts';
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
import { type LogItem, readLog } from './read-log.ts';
import { type Answer, type Call, openStream, send } from './send.ts';
import { TrainerApiError } from './trainer-api-error.ts';
import { toFollowed } from './wire-events.ts';

export interface TrainerClientOptions {
  /** Of one service, such as `http://localhost:8082`; a path before `/train` is kept. */
  readonly baseUrl: string | URL;
  /** Or a function that gives it, asked for every request, for tokens that change. */
  readonly token?: string | (() => string | undefined | Promise<string | undefined>);
  readonly fetch?: typeof globalThis.fetch;
  /** For each attempt at a request; 30 s by default. */
  readonly timeoutMs?: number;
  /** Attempts after the first, where it is safe; 4 by default. */
  readonly retries?: number;
  /** Between such attempts; from 0.5 s to 10 s by default. */
  readonly retryPace?: Pace;
  /** Between the requests of `wait`; from 1 s to 30 s by default. */
  readonly pollPace?: Pace;
}

export interface CallOptions {
  /** Aborts the call, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface CancelOptions extends CallOptions {
  readonly save?: boolean;
}

/** Of the list of jobs: only those that match all of it. */
export interface ListOptions extends CallOptions {
  readonly status?: readonly string[];
  readonly reason?: string;
  readonly phase?: string;
  readonly backendJobId?: string;
  readonly model?: string;
  readonly method?: string;
  readonly provider?: string;
  /** Jobs with all of these labels. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Jobs that this one was run again as. */
  readonly rerunOf?: string;
  readonly createdAfter?: Date;
  readonly createdBefore?: Date;
  /** Of one page; 50 by default, 200 at most. */
  readonly limit?: number;
  /** `next_cursor` of the page before, which was asked for with the same filters. */
  readonly cursor?: string;
}

export interface FollowOptions extends CallOptions {
  /** Only these, 200 at most; all by default. */
  readonly jobIds?: readonly string[];
  /** Only jobs of these statuses, and those that leave them. */
  readonly status?: readonly string[];
  /** Leaves out how the jobs are at first. */
  readonly fromNow?: boolean;
}

export interface MetricsOptions extends CallOptions {
  /** Only these, such as `loss`; all by default. */
  readonly names?: readonly string[];
  readonly fromStep?: number;
  /** Of each series; 500 by default, 512 at most. */
  readonly maxPoints?: number;
}

export interface LogOptions extends CallOptions {
  /** Goes on with what is still to be written, until the job has ended. */
  readonly follow?: boolean;
  /** Only so many of the newest lines, of each node. */
  readonly tail?: number;
  /** Only what was written from then on, or what comes after the line of this `cursor`. */
  readonly since?: Date | string;
  readonly node?: number;
  readonly attempt?: number;
  /** What the container before the present one has written. */
  readonly previous?: boolean;
}

export interface WaitOptions extends CallOptions {
  /** Called with the job at first, and whenever its status, reason, detail or progress has changed. */
  readonly onProgress?: (job: Job) => void;
}

export interface Submitted {
  readonly job: Job;
  /** The same request had been submitted before, so nothing was created. */
  readonly isReplay: boolean;
}

/** A service that asks for more patience than this is not waited for. */
const LONGEST_RETRY_AFTER_MS = 60_000;

/**
 * A client of one Trainer API. Every method rejects with a TrainerApiError, or with the reason of
 * its signal. It is stateless, so one may serve a whole process.
 */
export class TrainerClient {
  readonly #options: Required<Omit<TrainerClientOptions, 'baseUrl'>>;
  readonly #baseUrl: URL;

  /** @throws TypeError when `baseUrl` is not an http(s) URL. */
  constructor({ baseUrl, ...options }: TrainerClientOptions) {
    this.#baseUrl = new URL(baseUrl);
    if (!/^https?:$/.test(this.#baseUrl.protocol)) {
      throw new TypeError('baseUrl must be an http or https URL.');
    }
    if (!this.#baseUrl.pathname.endsWith('/')) this.#baseUrl.pathname += '/';
    this.#options = {
      token: () => undefined,
      fetch: globalThis.fetch,
      timeoutMs: 30_000,
      retries: 4,
      retryPace: { firstMs: 500, longestMs: 10_000 },
      pollPace: { firstMs: 1000, longestMs: 30_000 },
      ...options,
    };
  }

  /** Submits a job. Safe to repeat: the same request never makes a second one. */
  async submit(request: TrainingRequest, options: CallOptions = {}): Promise<Submitted> {
    const body = JSON.stringify(request);
    return toSubmitted(await this.#call('POST', 'train', { ...options, body }));
  }

  /**
   * Runs a job that has ended again, as a new one with changes. Safe to repeat, as `submit`. Callbacks
   * are never taken over, and stored credentials only where the changes leave alone where they go.
   */
  async rerun(jobId: string, request: RerunRequest, options: CallOptions = {}): Promise<Submitted> {
    const body = JSON.stringify(request);
    const answer = await this.#call('POST', `${toPath(jobId)}/rerun`, { ...options, body });
    return toSubmitted(answer);
  }

  /** Tells what would become of a request, and creates nothing: its errors are in the answer. */
  async plan(request: TrainingRequest, options: CallOptions = {}): Promise<Plan> {
    const body = JSON.stringify(request);
    return (await this.#call('POST', 'plans', { ...options, body })).body as unknown as Plan;
  }

  /** The latest state of a job. */
  async get(jobId: string, options: CallOptions = {}): Promise<Job> {
    return toJob((await this.#call('GET', toPath(jobId), options)).body);
  }

  /** One page of the jobs of a service, newest first. */
  async list(options: ListOptions = {}): Promise<JobList> {
    const { backendJobId, rerunOf, createdAfter, createdBefore, ...others } = options;
    const { labels = {}, signal, ...filters } = others;
    const query = toQuery({
      ...filters,
      ...Object.fromEntries(Object.entries(labels).map(([key, value]) => [`label[${key}]`, value])),
      backend_job_id: backendJobId,
      rerun_of: rerunOf,
      created_after: createdAfter?.toISOString(),
      created_before: createdBefore?.toISOString(),
    });
    return (await this.#call('GET', `train${query}`, signal ? { signal } : {}))
      .body as unknown as JobList;
  }

  /**
   * Asks for the end of a job; one that has ended stays as it is, as `detail` then says. With `save`
   * its training first saves a checkpoint, where it takes orders.
   */
  async cancel(jobId: string, { save = false, ...options }: CancelOptions = {}): Promise<Job> {
    const path = `${toPath(jobId)}/cancel${save ? '?save=true' : ''}`;
    return toJob((await this.#call('POST', path, options)).body);
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
    await this.#call('DELETE', `${toPath(jobId)}${force ? '?force=true' : ''}`, options);
  }

  /**
   * Resolves with the job once it has ended, in whatever way. Polls, slower while nothing changes,
   * and rides out failures that may pass for as long as `signal` lets it.
   */
  async wait(jobId: string, { signal, onProgress }: WaitOptions = {}): Promise<Job> {
    const polls = new Backoff(this.#options.pollPace);
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
    return (await this.#call('PATCH', path, { ...options, body }))
      .body as unknown as CallbackSettings;
  }

  /** What happened to a job, oldest first; `after` leaves out the events up to that one. */
  async history(
    jobId: string,
    { after, ...call }: CallOptions & { readonly after?: number } = {},
  ): Promise<History> {
    const { body } = await this.#call('GET', `${toPath(jobId)}/events${toQuery({ after })}`, call);
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
    const { fetch, retryPace } = this.#options;
    const pause = new Backoff(retryPace);
    let cursor = fromNow ? undefined : '0';
    for (;;) {
      let retryAfterMs = 0;
      try {
        const query = toQuery({ job_id: jobIds, status, after: cursor });
        const headers = await this.#headers(false);
        const accept = 'text/event-stream, application/problem+json';
        const call = {
          url: new URL(`events${query}`, this.#baseUrl),
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
    const { body } = await this.#call('GET', `${toPath(jobId)}/request`, options);
    return body as unknown as JobRequest;
  }

  /** What a job measured while it trained; no series where nothing was. */
  async metrics(jobId: string, options: MetricsOptions = {}): Promise<Metrics> {
    const { names = [], fromStep, maxPoints, ...call } = options;
    const query = toQuery({ name: names, from_step: fromStep, max_points: maxPoints });
    const { body } = await this.#call('GET', `${toPath(jobId)}/metrics${query}`, call);
    return body as unknown as Metrics;
  }

  /**
   * What a job writes, line by line, and at last why there is no more. One that is followed rides out
   * failures that may pass, and goes on where it broke off.
   */
  logs(jobId: string, options: LogOptions = {}): AsyncGenerator<LogItem, void, undefined> {
    const { follow = false, previous = false, since, tail, signal, ...filters } = options;
    const { timeoutMs, fetch, retryPace } = this.#options;
    const asked = { ...filters, ...(follow && { follow: 'true' }) };
    const start = { tail, since: since instanceof Date ? since.toISOString() : since };
    const open = async (after: string | undefined) => {
      const query = toQuery({
        ...asked,
        ...(previous && { previous: 'true' }),
        ...(after === undefined ? start : { since: after }),
      });
      const url = new URL(`${toPath(jobId)}/logs${query}`, this.#baseUrl);
      const headers = {
        ...(await this.#headers(false)),
        accept: 'application/x-ndjson, application/problem+json',
      };
      return openStream(fetch, { method: 'GET', url, headers }, { signal, timeoutMs });
    };
    return readLog({ open, follows: follow, backoff: new Backoff(retryPace), signal });
  }

  /** How the final callback of a job fares. */
  async deliveries(jobId: string, options: CallOptions = {}): Promise<Deliveries> {
    const { body } = await this.#call('GET', `${toPath(jobId)}/deliveries`, options);
    return body as unknown as Deliveries;
  }

  /** Has the newest callback of a job sent again. Not repeated when it fails, since it may have worked. */
  async replay(jobId: string, options: CallOptions = {}): Promise<Deliveries> {
    const path = `${toPath(jobId)}/deliveries/replay`;
    const { body } = await this.#call('POST', path, { ...options, retries: 0 });
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
    const { body } = await this.#call('GET', `deliveries${asked}`, options);
    return body as unknown as DeliveryList;
  }

  /**
   * Has the callbacks of some jobs, or of one state, sent again, 1,000 at most. Not repeated when it
   * fails, since it may have worked.
   */
  async replayMany(
    wanted: { readonly state: DeliveryState } | { readonly job_ids: readonly string[] },
    options: CallOptions = {},
  ): Promise<ReplayAnswer> {
    const body = JSON.stringify(wanted);
    const answer = await this.#call('POST', 'deliveries/replay', { ...options, body, retries: 0 });
    return answer.body as unknown as ReplayAnswer;
  }

  /** Which release answers, and where it runs jobs. */
  async version(options: CallOptions = {}): Promise<Version> {
    return (await this.#call('GET', 'version', options)).body as unknown as Version;
  }

  async #call(
    method: Call['method'],
    path: string,
    { signal, body, retries }: CallOptions & { body?: string; retries?: number },
  ): Promise<Answer> {
    const { fetch, timeoutMs, retryPace, ...defaults } = this.#options;
    const url = new URL(path, this.#baseUrl);
    const backoff = new Backoff(retryPace);
    for (let left = retries ?? defaults.retries; ; left -= 1) {
      signal?.throwIfAborted();
      const headers = await this.#headers(body !== undefined);
      const call = { method, url, headers, ...(body !== undefined && { body }) };
      try {
        return await send(fetch, call, { signal, timeoutMs });
      } catch (error) {
        if (!(error instanceof TrainerApiError) || !error.isPassing || left <= 0) throw error;
        const { retryAfterMs = 0 } = error;
        if (retryAfterMs > LONGEST_RETRY_AFTER_MS) throw error;
        await backoff.wait(signal, retryAfterMs);
      }
    }
  }

  async #headers(hasBody: boolean): Promise<Record<string, string>> {
    const { token } = this.#options;
    const given = typeof token === 'function' ? await token() : token;
    return {
      accept: 'application/json, application/problem+json',
      ...(hasBody && { 'content-type': 'application/json' }),
      ...(given !== undefined && given !== '' && { 'x-trainer-token': given }),
    };
  }
}

function toSubmitted({ body, headers }: Answer): Submitted {
  return { job: toJob(body), isReplay: headers.get('idempotent-replayed') === 'true' };
}

/** Relative to the base URL. */
function toPath(jobId: string): string {
  // URLs resolve these as folders.
  if (['', '.', '..'].includes(jobId)) {
    throw new TypeError(`A job whose id is '${jobId}' cannot be asked for.`);
  }
  return `train/${encodeURIComponent(jobId)}`;
}

/** Of what is given, with its question mark; a list becomes the same name several times. */
function toQuery(
  given: Readonly<Record<string, string | number | readonly string[] | undefined>>,
): string {
  const pairs = Object.entries(given).flatMap(([name, value]) =>
    [value ?? []].flat().map((each): [string, string] => [name, String(each)]),
  );
  return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs)}`;
}

function toJob(body: Record<string, unknown>): Job {
  if (typeof body.job_id !== 'string' || typeof body.status !== 'string') {
    const message = 'The answer, of status 200, is not one of a Trainer API.';
    throw new TrainerApiError(message, { code: 'UNEXPECTED_ANSWER', status: 200 });
  }
  return body as unknown as Job;
}
