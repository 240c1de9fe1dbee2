import type { LogLine, LogQuery } from '../../../jobs/log-line.ts';
import type { ApiClient } from '../../../kubernetes/api-client.ts';
import { LineSplitter } from '../../../logs/line-splitter.ts';
import { TRAINING_STEP } from '../trainjob/replicated-jobs.ts';
import type { TrainingPod } from './training-pod.ts';

/** What the kubelet writes before each line, with a space behind it. */
const TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) /;

export interface ContainerLogParts {
  readonly client: ApiClient;
  readonly namespace: string;
  readonly signal: AbortSignal;
}

/** The log of a pod's training container, which is read on from where it was left. */
export class ContainerLog {
  readonly #parts: ContainerLogParts;
  readonly #pod: TrainingPod;
  readonly #query: LogQuery;
  /** Nanoseconds, and which line of that moment. */
  #after: { readonly at: bigint; readonly index: number } | undefined;
  #hasRead = false;

  constructor(parts: ContainerLogParts, pod: TrainingPod, query: LogQuery) {
    this.#parts = parts;
    this.#pod = pod;
    this.#query = query;
    const [at, index] = (query.after.get(pod.node) ?? '').split('.');
    if (at && index) this.#after = { at: BigInt(at), index: Number(index) };
  }

  /**
   * Opens what comes after the lines that were read.
   * @throws ApiError where there is no log, or the kubelet does not answer.
   */
  async open(): Promise<AsyncIterable<LogLine>> {
    const { client, namespace, signal } = this.#parts;
    const { follow, previous, sinceMs, tail } = this.#query;
    const afterMs = this.#after && Number(this.#after.at / 1_000_000n);
    const fromMs = afterMs ?? sinceMs;
    const chunks = await client.stream({
      method: 'GET',
      path: `/api/v1/namespaces/${namespace}/pods/${this.#pod.name}/log`,
      query: {
        container: TRAINING_STEP,
        timestamps: true,
        ...(follow && !previous && { follow }),
        ...(previous && { previous }),
        ...(fromMs !== undefined && { sinceTime: toWholeSeconds(fromMs) }),
        ...(tail !== undefined && !this.#hasRead && { tailLines: tail }),
      },
      accept: '*/*',
      signal,
    });
    this.#hasRead = true;
    return this.#read(chunks);
  }

  async *#read(chunks: AsyncIterable<Buffer>): AsyncGenerator<LogLine> {
    const { node, attempt } = this.#pod;
    const splitter = new LineSplitter();
    let mark = this.#after;
    /** Of the moment of the newest line, how many lines came, from the stream's start. */
    let moment = { at: -1n, count: 0 };
    let time: string | undefined;
    let isInside = false;
    let isWanted = true;
    const toLine = (text: string, isPartial: boolean): LogLine | undefined => {
      const stamp = isInside ? null : TIME.exec(text);
      if (stamp !== null) {
        const at = toNanoseconds(stamp);
        moment = { at, count: moment.at === at ? moment.count + 1 : 0 };
        time = stamp[0].trimEnd();
        mark = { at, index: moment.count };
        isWanted = this.#isWanted(mark);
      }
      isInside = isPartial;
      if (!isWanted) return undefined;
      const position = isPartial || mark === undefined ? undefined : `${mark.at}.${mark.index}`;
      if (!isPartial) this.#after = mark;
      const own = stamp === null ? text : text.slice(stamp[0].length);
      return { node, attempt, time, text: own, isPartial, position };
    };
    for await (const chunk of chunks) {
      for (const { text, isPartial } of splitter.push(chunk)) {
        const line = toLine(text, isPartial);
        if (line !== undefined) yield line;
      }
    }
    for (const { text } of splitter.end()) {
      const line = toLine(text, false);
      if (line !== undefined) yield line;
    }
  }

  #isWanted({ at, index }: { readonly at: bigint; readonly index: number }): boolean {
    const { sinceMs } = this.#query;
    if (sinceMs !== undefined && at < BigInt(sinceMs) * 1_000_000n) return false;
    const after = this.#after;
    return after === undefined || at > after.at || (at === after.at && index > after.index);
  }
}

function toNanoseconds([, whole, fraction = '', zone]: RegExpExecArray): bigint {
  const ms = Date.parse(`${whole}${zone}`);
  return BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
}

/** As Kubernetes takes times; what comes too early is left out here. */
function toWholeSeconds(ms: number): string {
  return new Date(Math.floor(ms / 1000) * 1000).toISOString().replace('.000', '');
}
