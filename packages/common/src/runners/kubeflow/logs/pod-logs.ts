import type { Logger } from 'pino';
import type { Clock } from '../../../clock.ts';
import type { JobRecord } from '../../../jobs/job.ts';
import type { LogItem, LogLine, LogQuery } from '../../../jobs/log-line.ts';
import { toLogged } from '../../../jobs/operator-lines.ts';
import { type ApiClient, ApiError } from '../../../kubernetes/api-client.ts';
import { toClusterFailure } from '../../../kubernetes/cluster-failure.ts';
import { LineMerger } from '../../../logs/line-merger.ts';
import { JOB_SET_LABEL, type PodObject } from '../diagnosis/pod-finding.ts';
import { ContainerLog } from './container-log.ts';
import { LogFollower, type WatchedRun } from './log-follower.ts';
import { type TrainingPod, toTrainingPod } from './training-pod.ts';

export interface PodLogsParts {
  /** Of its own: logs hold their connections for long. */
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly namespace: string;
}

const MAX_PODS = 500;
const FORBIDDEN = 403;

/** Reads the logs of a job's training containers, by `pods/log` of the API server. */
export class PodLogs {
  readonly #parts: PodLogsParts;

  constructor(parts: PodLogsParts) {
    this.#parts = parts;
  }

  /**
   * All nodes as one; see JobRunner.
   * @throws TrainerError CLUSTER_UNAVAILABLE
   */
  async open(
    record: JobRecord,
    query: LogQuery,
    run: WatchedRun,
    signal: AbortSignal,
  ): Promise<AsyncIterable<LogItem>> {
    const list = () => this.#list(record, query, signal);
    const first = await list();
    const parts = { ...this.#parts, record, signal };
    if (query.follow && !query.previous) {
      const path = this.#path;
      const labelSelector = toSelector(record.name);
      const keep = (pod: PodObject) => pick(pod, record, query);
      const follower = new LogFollower({ ...parts, query, run, path, labelSelector, list, keep });
      return follower.read(first);
    }
    return this.#readOnce(record, first.pods, query, run, signal);
  }

  async #readOnce(
    record: JobRecord,
    pods: readonly TrainingPod[],
    query: LogQuery,
    run: WatchedRun,
    signal: AbortSignal,
  ): Promise<AsyncIterable<LogItem>> {
    const { client, namespace, logger } = this.#parts;
    const isWanted = (pod: TrainingPod) => (query.previous ? pod.hasPrevious : pod.hasBegun);
    const wanted = pods.filter(isWanted);
    const lines = new LineMerger<LogLine>({ orderBy: ({ time = '' }) => time });
    const unread: number[] = [];
    await Promise.all(
      wanted.map(async (pod) => {
        try {
          lines.add(await new ContainerLog({ client, namespace, signal }, pod, query).open());
        } catch (error) {
          if (!(error instanceof ApiError) || error.status === FORBIDDEN) {
            throw toClusterFailure(error, logger);
          }
          logger.debug(
            { ...toLogged(record), pod: pod.name, err: error },
            'log of a pod could not be read',
          );
          unread.push(pod.node);
        }
      }),
    );
    lines.complete();
    const isOver = run.hasEnded() && pods.every(({ hasEnded }) => hasEnded);
    const end = isOver ? (wanted.length === 0 ? 'POD_GONE' : 'JOB_ENDED') : 'LOG_READ';
    return withEnd(lines, { end, ...(unread.length > 0 && { unreadNodes: unread }) });
  }

  get #path(): string {
    return `/api/v1/namespaces/${this.#parts.namespace}/pods`;
  }

  async #list(record: JobRecord, query: LogQuery, signal: AbortSignal) {
    const { client, logger } = this.#parts;
    try {
      const { items, metadata } = await client.call<{
        items: PodObject[];
        metadata: { resourceVersion: string };
      }>({
        method: 'GET',
        path: this.#path,
        query: { labelSelector: toSelector(record.name), limit: MAX_PODS },
        signal,
      });
      const pods = items
        .map((pod) => pick(pod, record, query))
        .filter((pod) => pod !== undefined)
        .sort((a, b) => a.createdAtMs - b.createdAtMs || a.node - b.node);
      return { pods, version: metadata.resourceVersion };
    } catch (error) {
      throw toClusterFailure(error, logger);
    }
  }
}

function toSelector(name: string): string {
  return `${JOB_SET_LABEL}=${name}`;
}

function pick(pod: PodObject, record: JobRecord, query: LogQuery): TrainingPod | undefined {
  const training = toTrainingPod(pod, record.reported);
  if (training === undefined) return undefined;
  const isWanted =
    (query.node ?? training.node) === training.node &&
    (query.attempt ?? training.attempt) === training.attempt;
  return isWanted ? training : undefined;
}

async function* withEnd(lines: AsyncIterable<LogLine>, end: LogItem): AsyncGenerator<LogItem> {
  yield* lines;
  yield end;
}
