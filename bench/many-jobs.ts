import { setTimeout as delay } from 'node:timers/promises';
import { startService } from './child.ts';
import { fill } from './fill.ts';
import { toMegabytes, toTable, toText } from './table.ts';

export interface ManyJobs {
  readonly report: string;
  readonly heapBytesPerJob: number;
}

/** What a crowd of running mock jobs without webhooks costs one service. */
export async function measureManyJobs(options: {
  jobs: number;
  idleMs: number;
}): Promise<ManyJobs> {
  const { jobs, idleMs } = options;
  await using service = await startService();
  const empty = await service.usage({ collectGarbage: true });
  const began = performance.now();
  await fill(service.url, jobs);
  const seconds = (performance.now() - began) / 1000;
  const full = await service.usage({ collectGarbage: true });
  await delay(idleMs);
  const idle = await service.usage();
  const heapBytesPerJob = (full.heapBytes - empty.heapBytes) / jobs;
  const report = toTable(
    [`${toText(jobs)} mock jobs`, 'value'],
    [
      ['submitted at', `${toText(jobs / seconds)}/s`],
      ['heap per job', `${toText(heapBytesPerJob / 1024, 1)} KB`],
      ['RSS before and after', `${toMegabytes(empty.rssBytes)}, ${toMegabytes(full.rssBytes)}`],
      [
        'CPU while nothing happens',
        `${toText(((idle.cpuMs - full.cpuMs) / idleMs) * 100, 1)} % of a core`,
      ],
    ],
  );
  return { report, heapBytesPerJob };
}
