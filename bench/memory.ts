import { setTimeout as delay } from 'node:timers/promises';
import { startService } from './child.ts';
import { toBody } from './example-request.ts';
import { applyLoad } from './load.ts';
import { toMegabytes, toTable } from './table.ts';

const SETTLE_MS = 3000;

/** Resident memory of one service on the mock. */
export async function measureMemory(): Promise<string> {
  await using service = await startService();
  await delay(SETTLE_MS);
  const started = await service.usage();
  const collected = await service.usage({ collectGarbage: true });
  let count = 0;
  await applyLoad(service.url, {
    connections: 4,
    next: () => {
      count += 1;
      if (count > 1000) return undefined;
      return { method: 'POST', path: '/train', body: toBody(`job-${count}`) };
    },
  });
  await delay(SETTLE_MS);
  const used = await service.usage({ collectGarbage: true });
  return toTable(
    ['one service on the mock', 'RSS', 'goal', 'heap'],
    [
      [
        'after its start',
        toMegabytes(started.rssBytes),
        '< 110 MB',
        toMegabytes(started.heapBytes),
      ],
      [
        'then collected',
        toMegabytes(collected.rssBytes),
        '< 110 MB',
        toMegabytes(collected.heapBytes),
      ],
      ['with 1,000 jobs, collected', toMegabytes(used.rssBytes), '', toMegabytes(used.heapBytes)],
    ],
  );
}
