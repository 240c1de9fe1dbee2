import { setTimeout as delay } from 'node:timers/promises';
import { Child } from './child.ts';
import { toBody } from './example-request.ts';
import { applyLoad } from './load.ts';
import type { Latencies, ReaderRequest } from './stream-readers.ts';
import { toMegabytes, toTable, toText } from './table.ts';
import { withBundle } from './with-bundle.ts';

export interface StreamsOptions {
  readonly jobs: number;
  readonly changesPerSecond: number;
  readonly seconds: number;
  readonly readersOfAll: number;
  readonly idleReaders: number;
}

/** Changes are asked for in slices of this length. */
const SLICE_MS = 50;

/**
 * Readers of one job each and of all jobs, while jobs change; then all of them come back at once, with
 * what they missed; then some do not read.
 */
export function measureStreams(options: StreamsOptions): Promise<string> {
  return withBundle(async (start) => measure(await start(), options));
}

async function measure(child: Child, options: StreamsOptions): Promise<string> {
  const { jobs, changesPerSecond, seconds, readersOfAll, idleReaders } = options;
  await using service = child;
  await using readers = await Child.start('stream-readers.ts');
  const { url } = service;
  const ids = Array.from({ length: jobs }, (_, index) => `job-${index}`);
  await submit(url, ids);
  const ask = (request: ReaderRequest) => readers.ask<Latencies>(request);
  const change = createChanges(url, ids, changesPerSecond);
  /** Each change is told to the reader of its job, and to all who read of all. */
  const toTold = (changes: number) => changes * (1 + readersOfAll);

  const before = await service.usage({ collectGarbage: true });
  await ask({ ask: 'open', url, ids, readersOfAll });
  const open = await service.usage({ collectGarbage: true });
  const changed = await change(seconds);
  const steady = await ask({ ask: 'latencies', count: toTold(changed) });
  const steadyEnd = await service.usage();

  await ask({ ask: 'leave' });
  const missed = await change(1);
  const began = performance.now();
  const replayed = await ask({ ask: 'return', count: toTold(missed) });
  const replayMs = performance.now() - began;

  await ask({ ask: 'idle', url, count: idleReaders });
  const beside = await ask({ ask: 'latencies', count: toTold(await change(seconds)) });
  const end = await service.usage();

  const cpuMs = steadyEnd.cpuMs - open.cpuMs;
  const perReader = (open.rssBytes - before.rssBytes) / (jobs + readersOfAll);
  const toMs = (value: number) => `${toText(value, 1)} ms`;
  return toTable(
    [`${toText(jobs)} readers of one job, ${readersOfAll} of all`, 'value', 'goal'],
    [
      ['changes', `${toText(changed / seconds)}/s`, `${changesPerSecond}/s`],
      ['events told', `${toText(steady.count / seconds)}/s`, ''],
      ['change to reader, p50', toMs(steady.p50Ms), ''],
      ['change to reader, p99', toMs(steady.p99Ms), '< 250 ms'],
      ['CPU', `${toText(cpuMs / 10 / seconds)} % of a core`, ''],
      ['memory of a reader', `${toText(perReader / 1024, 1)} KB`, ''],
      ['RSS with the jobs alone', toMegabytes(before.rssBytes), ''],
      ['RSS', toMegabytes(steadyEnd.rssBytes), '< 300 MB'],
      [`all come back and are told ${toText(replayed.count)} events`, toMs(replayMs), ''],
      [`p99 beside ${idleReaders} that never read`, toMs(beside.p99Ms), '< 250 ms'],
      ['RSS then', toMegabytes(end.rssBytes), '< 300 MB'],
    ],
  );
}

/** Jobs that wait, with webhooks that are told of nothing before the end. */
async function submit(url: string, ids: readonly string[]): Promise<void> {
  const further = {
    callbacks: { webhook_url: 'http://127.0.0.1:9/hook', event_filter: ['failed'] },
    extra_parameters: { mock: { submitted_seconds: 100_000 } },
  };
  const bodies = ids.map((id) => toBody(id, further)).values();
  await applyLoad(url, {
    connections: 8,
    next: () => {
      const { value: body } = bodies.next();
      return body === undefined ? undefined : { method: 'POST', path: '/train', body };
    },
  });
}

/** Changes jobs, one after the other, at an even rate; how many it has changed. */
function createChanges(url: string, ids: readonly string[], perSecond: number) {
  const perSlice = (perSecond * SLICE_MS) / 1000;
  let count = 0;
  return async (seconds: number): Promise<number> => {
    const first = count;
    const began = performance.now();
    for (let slice = 1; slice <= (seconds * 1000) / SLICE_MS; slice += 1) {
      const target = first + Math.round(perSlice * slice);
      await applyLoad(url, {
        connections: 4,
        next: () => {
          if (count >= target) return undefined;
          const path = `/train/${ids[count % ids.length]}/callbacks`;
          const round = Math.floor(count / ids.length);
          count += 1;
          const filter = round % 2 === 0 ? 'succeeded' : 'failed';
          return { method: 'PATCH', path, body: JSON.stringify({ event_filter: [filter] }) };
        },
      });
      await delay(Math.max(0, began + slice * SLICE_MS - performance.now()));
    }
    return count - first;
  };
}
