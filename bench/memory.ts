import { setTimeout as delay } from 'node:timers/promises';
import { type Child, startService } from './child.ts';
import { toBody } from './example-request.ts';
import { applyLoad } from './load.ts';
import { toMegabytes, toTable } from './table.ts';
import { withBundle } from './with-bundle.ts';

const SETTLE_MS = 3000;
const JOBS = 1000;

/** Resident memory of one service on the mock: from the sources, and bundled as its image has it. */
export async function measureMemory(): Promise<string> {
  const rows = [
    await measure('from the sources', await startService()),
    await withBundle(async (start) => measure('bundled', await start())),
  ];
  return toTable(['RSS of one service', 'started', 'collected', 'with 1,000 jobs', 'goal'], rows);
}

async function measure(name: string, child: Child): Promise<string[]> {
  await using service = child;
  await delay(SETTLE_MS);
  const started = await service.usage();
  const collected = await service.usage({ collectGarbage: true });
  let count = 0;
  await applyLoad(service.url, {
    connections: 4,
    next: () => {
      count += 1;
      if (count > JOBS) return undefined;
      return { method: 'POST', path: '/train', body: toBody(`job-${count}`) };
    },
  });
  await delay(SETTLE_MS);
  const used = await service.usage({ collectGarbage: true });
  const cells = [started, collected, used].map(({ rssBytes }) => toMegabytes(rssBytes));
  return [name, ...cells, '< 110 MB'];
}
