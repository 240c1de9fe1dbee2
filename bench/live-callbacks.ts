import { setTimeout as delay } from 'node:timers/promises';
import { Child, startService } from './child.ts';
import { toBody } from './example-request.ts';
import { applyLoad } from './load.ts';
import type { Gaps } from './receiver.ts';
import { toMegabytes, toTable, toText } from './table.ts';

export interface LiveCallbacksOptions {
  readonly callbacks: number;
  readonly intervalSeconds: number;
  /** How many intervals are measured, once all callbacks are live. */
  readonly intervals: number;
  /** Of a job without a webhook, as measured before. */
  readonly heapBytesPerJob: number;
}

/** Heartbeats of a crowd of running jobs, each with a webhook, from one service to one receiver. */
export async function measureLiveCallbacks(options: LiveCallbacksOptions): Promise<string> {
  const { callbacks, intervalSeconds, intervals } = options;
  await using receiver = await Child.start('receiver.ts');
  await using service = await startService({
    env: { TRAINER_CALLBACK_INTERVAL_SECONDS: String(intervalSeconds) },
    preload: './exact-intervals.ts',
  });
  const empty = await service.usage({ collectGarbage: true });
  await submitEvenly(service.url, receiver.url, options);
  // From here on every callback has told of its job's start, and only heartbeats follow.
  await delay(intervalSeconds * 1000);
  const live = await service.usage({ collectGarbage: true });
  // What collecting garbage held up is made up for before the gaps are counted anew.
  await delay(intervalSeconds * 1000);
  await receiver.ask<Gaps>({ ask: 'gaps' });
  const before = await service.usage();
  const began = performance.now();
  await delay(intervals * intervalSeconds * 1000);
  const after = await service.usage();
  const seconds = (performance.now() - began) / 1000;
  const gaps = await receiver.ask<Gaps>({ ask: 'gaps' });
  const end = await service.usage({ collectGarbage: true });

  const cpuMs = after.cpuMs - before.cpuMs;
  const lateMs = (gapMs: number) => Math.max(0, gapMs - intervalSeconds * 1000);
  const perCallback = (live.heapBytes - empty.heapBytes) / callbacks - options.heapBytesPerJob;
  return toTable(
    [`${toText(callbacks)} live callbacks at ${intervalSeconds} s`, 'value', 'goal'],
    [
      [
        'delivered',
        `${toText(gaps.count / seconds)}/s`,
        `${toText(callbacks / intervalSeconds)}/s`,
      ],
      ['lateness, p50', `${toText(lateMs(gaps.p50Ms), 1)} ms`, ''],
      ['lateness, p99', `${toText(lateMs(gaps.p99Ms), 1)} ms`, '< 1,000 ms'],
      ['lateness, largest', `${toText(lateMs(gaps.maxMs), 1)} ms`, ''],
      ['CPU', `${toText(cpuMs / 10 / seconds)} % of a core`, ''],
      ['heap per callback', `${toText(perCallback / 1024, 1)} KB`, '< 4 KB'],
      ['RSS', toMegabytes(end.rssBytes), ''],
      [
        `heap after ${toText(seconds / 60, 1)} minutes`,
        `${toMegabytes(live.heapBytes)} to ${toMegabytes(end.heapBytes)}`,
        'flat',
      ],
    ],
  );
}

/** Spread over an interval, as jobs are that were not all submitted by one script. */
async function submitEvenly(
  url: string,
  receiverUrl: string,
  { callbacks, intervalSeconds }: LiveCallbacksOptions,
): Promise<void> {
  const mock = { outcome: 'never', submitted_seconds: 0 };
  const slices = 100;
  const sliceMs = (intervalSeconds * 1000) / slices;
  let count = 0;
  for (let slice = 1; slice <= slices; slice += 1) {
    const began = performance.now();
    const target = Math.round((callbacks * slice) / slices);
    await applyLoad(url, {
      connections: 8,
      next: () => {
        if (count >= target) return undefined;
        count += 1;
        const further = {
          callbacks: { webhook_url: `${receiverUrl}/${count}` },
          extra_parameters: { mock },
        };
        return { method: 'POST', path: '/train', body: toBody(`live-${count}`, further) };
      },
    });
    await delay(Math.max(0, sliceMs - (performance.now() - began)));
  }
}
