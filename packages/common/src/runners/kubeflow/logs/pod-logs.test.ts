import { pino } from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeApiServer } from '../../../../test/fake-api/fake-api-server.ts';
import { FakeClock } from '../../../../test/fake-clock.ts';
import { makePod } from '../../../../test/make-pod.ts';
import { makeRecord } from '../../../../test/make-record.ts';
import { Emitter } from '../../../emitter.ts';
import { isLogEnd, type LogItem, type LogQuery } from '../../../jobs/log-line.ts';
import { ApiError, type ApiRequest } from '../../../kubernetes/api-client.ts';
import { PodLogs } from './pod-logs.ts';

const PODS = '/api/v1/namespaces/jobs/pods';
const ALL: LogQuery = {
  ...{ follow: false, tail: undefined, sinceMs: undefined, node: undefined },
  ...{ attempt: undefined, previous: false, after: new Map() },
};
const record = makeRecord({ backend: 'nemo', id: 'job-1' });

let server: FakeApiServer;
let clock: FakeClock;
let logs: PodLogs;
let ended: boolean;
const changes = new Emitter<void>();
const run = { hasEnded: () => ended, watch: (listener: () => void) => changes.watch(listener) };
/** What each container has written, and whether it writes on. */
let written: Map<string, { chunks: string[]; more?: Promise<unknown> }>;

/** A pod of the run, whose container runs unless it is told otherwise. */
function addPod(node: number, { attempt = 1, pod = makePod().running() } = {}): string {
  const name = `node-${attempt}-${node}`;
  const labels = {
    'jobset.sigs.k8s.io/jobset-name': record.name,
    'jobset.sigs.k8s.io/replicatedjob-name': 'node',
    'jobset.sigs.k8s.io/restart-attempt': String(attempt - 1),
    'batch.kubernetes.io/job-completion-index': String(node),
  };
  const { status } = pod.obj();
  server.create(PODS, { metadata: { name, labels }, status });
  return name;
}
const endPod = (name: string) =>
  server.patch(`${PODS}/${name}`, {
    status: {
      phase: 'Succeeded',
      containerStatuses: [{ name: 'node', state: { terminated: { exitCode: 0 } } }],
    },
  });

async function* readWritten({ path, query }: ApiRequest): AsyncGenerator<Buffer> {
  const pod = path.split('/').at(-2) ?? '';
  const { chunks, more } = written.get(`${pod}${query?.previous ? ' before' : ''}`) ?? {
    chunks: [],
  };
  for (const chunk of chunks) yield Buffer.from(chunk);
  if (query?.follow) await more;
}

const line = (second: number, text: string) =>
  `2026-01-01T00:00:${String(second).padStart(2, '0')}.000000001Z ${text}\n`;
const open = (query: Partial<LogQuery> = {}, signal = new AbortController().signal) =>
  logs.open(record, { ...ALL, ...query }, run, signal);
async function readAll(query: Partial<LogQuery> = {}): Promise<LogItem[]> {
  const items: LogItem[] = [];
  for await (const item of await open(query)) items.push(item);
  return items;
}
/** What was last asked of a log. */
const lastAsked = () => server.requests.findLast(({ path }) => path.endsWith('/log'))?.query;
const textsOf = (items: readonly LogItem[]) =>
  items.map((item) => (isLogEnd(item) ? item.end : `${item.node}: ${item.text}`));

beforeEach(() => {
  server = new FakeApiServer();
  clock = new FakeClock();
  logs = new PodLogs({
    ...{ client: server.connect(), clock, namespace: 'jobs' },
    logger: pino({ level: 'silent' }),
  });
  ended = false;
  written = new Map();
  server.openLog = readWritten;
});

describe('the logs of pods', () => {
  it('are merged by time, with node, attempt and the time that the kubelet noted', async () => {
    written.set(addPod(0), { chunks: [line(1, 'a'), line(3, 'c')] });
    written.set(addPod(1), { chunks: [line(2, 'b'), line(4, 'd')] });
    const items = await readAll();
    expect(textsOf(items)).toEqual(['0: a', '1: b', '0: c', '1: d', 'LOG_READ']);
    expect(items[0]).toEqual({
      ...{ node: 0, attempt: 1, text: 'a', isPartial: false },
      time: '2026-01-01T00:00:01.000000001Z',
      position: '1767225601000000001.0',
    });
    const { method, path, query } = server.requests.at(-1) as ApiRequest;
    expect([method, path]).toEqual(['GET', `${PODS}/node-1-1/log`]);
    expect(query).toEqual({ container: 'node', timestamps: true });
  });

  it('are those of one node, of one attempt, and only so many lines', async () => {
    for (const [attempt, node] of [
      [1, 0],
      [2, 0],
      [2, 1],
    ] as const) {
      const name = addPod(node, { attempt });
      written.set(name, { chunks: [line(attempt, name)] });
    }
    expect(textsOf(await readAll({ node: 1 }))).toEqual(['1: node-2-1', 'LOG_READ']);
    expect(textsOf(await readAll({ attempt: 1, tail: 7 }))).toEqual(['0: node-1-0', 'LOG_READ']);
    expect(server.requests.at(-1)?.query).toMatchObject({ tailLines: 7 });
  });

  it('go on behind a line, also among those of one moment', async () => {
    written.set(addPod(0), { chunks: [line(1, 'a'), line(1, 'b'), line(1, 'c'), line(2, 'd')] });
    const [, b] = await readAll();
    const position = b && !isLogEnd(b) ? (b.position ?? '') : '';
    const after = new Map([[0, position]]);
    expect(textsOf(await readAll({ after }))).toEqual(['0: c', '0: d', 'LOG_READ']);
    expect(server.requests.at(-1)?.query).toMatchObject({ sinceTime: '2026-01-01T00:00:01Z' });
  });

  it('show what a container wrote before it crashed', async () => {
    const name = addPod(0, {
      pod: makePod().container(
        { waiting: { reason: 'CrashLoopBackOff' } },
        { lastState: { terminated: { exitCode: 1 } } },
      ),
    });
    written.set(`${name} before`, { chunks: [line(1, 'Traceback')] });
    addPod(1);
    expect(textsOf(await readAll({ previous: true }))).toEqual(['0: Traceback', 'LOG_READ']);
    expect(server.requests.at(-1)?.query).toMatchObject({ previous: true });
  });

  it('name the nodes whose log cannot be read', async () => {
    written.set(addPod(0), { chunks: [line(1, 'a')] });
    const lost = addPod(1);
    server.openLog = (request) => {
      if (request.path.includes(lost)) throw new ApiError('it was answered 502', { status: 502 });
      return readWritten(request);
    };
    const items = await readAll();
    expect(textsOf(items)).toEqual(['0: a', 'LOG_READ']);
    expect(items.at(-1)).toMatchObject({ unreadNodes: [1] });
  });

  it('are a 503 where the right to read them is missing', async () => {
    addPod(0);
    server.openLog = () => {
      throw new ApiError('it was answered 403', { status: 403, reason: 'Forbidden' });
    };
    await expect(readAll()).rejects.toMatchObject({ code: 'CLUSTER_UNAVAILABLE' });
  });

  it('are gone with the pods', async () => {
    ended = true;
    expect(textsOf(await readAll())).toEqual(['POD_GONE']);
    expect(textsOf(await readAll({ follow: true }))).toEqual(['POD_GONE']);
  });

  it('end with the job', async () => {
    ended = true;
    const name = addPod(0);
    endPod(name);
    written.set(name, { chunks: [line(1, 'a'), 'without a newline'] });
    expect(textsOf(await readAll())).toEqual(['0: a', '0: without a newline', 'JOB_ENDED']);
  });
});

describe('logs that are followed', () => {
  async function next(items: AsyncIterator<LogItem>): Promise<string | undefined> {
    const { value } = await items.next();
    return value && textsOf([value])[0];
  }
  async function readRest(items: AsyncIterator<LogItem>): Promise<string[]> {
    const texts: string[] = [];
    for (let text = await next(items); text !== undefined; text = await next(items)) {
      texts.push(text);
    }
    return texts;
  }

  it('go on with pods that come later, over restarts, until the job has ended', async () => {
    const first = addPod(0);
    const { promise: firstEnds, resolve: endFirst } = Promise.withResolvers<void>();
    written.set(first, { chunks: [line(1, 'a')], more: firstEnds });
    const items = (await open({ follow: true, tail: 1 }))[Symbol.asyncIterator]();
    expect(await next(items)).toBe('0: a');
    expect(lastAsked()).toMatchObject({ follow: true, tailLines: 1 });

    endPod(first);
    server.delete(`${PODS}/${first}`);
    endFirst();
    written.set('node-2-0', { chunks: [line(9, 'b')], more: Promise.resolve() });
    addPod(0, { attempt: 2 });
    expect(await next(items)).toBe('0: b');
    expect(lastAsked()).not.toHaveProperty('tailLines');
    endPod('node-2-0');
    const last = next(items);
    ended = true;
    changes.emit();
    await clock.advance(2000);
    expect(await last).toBe('JOB_ENDED');
  });

  it('wait for a container that has not begun', async () => {
    const name = addPod(0, { pod: makePod() });
    written.set(name, { chunks: [line(1, 'a')], more: new Promise(() => {}) });
    const items = (await open({ follow: true }))[Symbol.asyncIterator]();
    const first = next(items);
    const { status } = makePod().running().obj();
    server.patch(`${PODS}/${name}`, { status });
    expect(await first).toBe('0: a');
  });

  it('are opened again where a stream breaks off, without a line twice', async () => {
    const name = addPod(0);
    written.set(name, { chunks: [line(1, 'a'), line(2, 'b'), '2026-01-01T00:00:03Z hal'] });
    let opened = 0;
    server.openLog = (request) => {
      opened += 1;
      if (opened > 1) return readWritten(request);
      return (async function* () {
        yield* readWritten(request);
        throw new ApiError('reset', {});
      })();
    };
    const items = (await open({ follow: true }))[Symbol.asyncIterator]();
    expect([await next(items), await next(items)]).toEqual(['0: a', '0: b']);
    written.set(name, { chunks: [line(2, 'b'), line(3, 'half')], more: new Promise(() => {}) });
    const third = next(items);
    await clock.advance(1000);
    expect(await third).toBe('0: half');
  });

  it.each(['before', 'after'])(
    'bring each line once where a container is started again in place, seen %s it is read on',
    async (when) => {
      const name = addPod(0);
      const { promise: crash, resolve: crashNow } = Promise.withResolvers<void>();
      const { promise: end, resolve: endNow } = Promise.withResolvers<void>();
      written.set(name, { chunks: [line(1, 'a')], more: crash });
      const items = (await open({ follow: true }))[Symbol.asyncIterator]();
      expect(await next(items)).toBe('0: a');
      written.set(name, { chunks: [line(9, 'b'), line(10, 'c')], more: end });
      const lastState = { terminated: { exitCode: 1 } };
      const showRestart = () => {
        const again = makePod().container({ running: {} }, { restartCount: 1, lastState });
        server.patch(`${PODS}/${name}`, { status: again.obj().status });
      };
      if (when === 'before') showRestart();
      crashNow();
      const second = next(items);
      await clock.advance(1000);
      expect(await second).toBe('0: b');
      if (when === 'after') showRestart();
      const rest = readRest(items);
      await clock.advance(2000);
      const over = makePod().container({ terminated: { exitCode: 0 } }, { restartCount: 1 });
      server.patch(`${PODS}/${name}`, { status: over.obj().status });
      endNow();
      await clock.advance(2000);
      ended = true;
      changes.emit();
      expect(await rest).toEqual(['0: c', 'JOB_ENDED']);
    },
  );

  it('go on with a container that is started again while the end of the one before is read', async () => {
    const name = addPod(0);
    const { promise: crash, resolve: crashNow } = Promise.withResolvers<void>();
    written.set(name, { chunks: [line(1, 'a')], more: crash });
    const items = (await open({ follow: true }))[Symbol.asyncIterator]();
    expect(await next(items)).toBe('0: a');
    const crashed = { terminated: { exitCode: 1 } };
    const show = (pod: ReturnType<typeof makePod>) =>
      server.patch(`${PODS}/${name}`, { status: pod.obj().status });
    show(makePod().container(crashed));
    // It has ended, so that what is read now is read to its end.
    const { promise: read, resolve: readNow } = Promise.withResolvers<void>();
    written.set(name, { chunks: [line(1, 'a'), line(2, 'crash')], more: read });
    crashNow();
    const second = next(items);
    await clock.advance(1000);
    expect(await second).toBe('0: crash');
    const third = next(items);
    show(makePod().container({ running: {} }, { restartCount: 1, lastState: crashed }));
    await clock.advance(0);
    written.set(name, { chunks: [line(9, 'b')], more: new Promise(() => {}) });
    readNow();
    await clock.advance(1000);
    expect(await third).toBe('0: b');
    expect(lastAsked()).toMatchObject({ follow: true, sinceTime: '2026-01-01T00:00:02Z' });
  });

  it('end with whoever reads them, and leave no watch open', async () => {
    written.set(addPod(0), { chunks: [], more: new Promise(() => {}) });
    const reader = new AbortController();
    const items = (await open({ follow: true }, reader.signal))[Symbol.asyncIterator]();
    const last = next(items);
    reader.abort();
    expect(await last).toBe('CUT_OFF');
    await new Promise((resolve) => setImmediate(resolve));
    expect(server.watchCount).toBe(0);
  });
});
