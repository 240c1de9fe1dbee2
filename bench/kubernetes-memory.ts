import { setTimeout as delay } from 'node:timers/promises';
import type { TestCluster } from '@trainer/common/testing/cluster';
import type { Usage } from './child.ts';
import type { KubernetesFixture } from './kubernetes-fixture.ts';
import { submitJobs } from './kubernetes-jobs.ts';
import { toMegabytes, toTable, toText } from './table.ts';

/** After it is ready, for what a new leader does with jobs that it finds. */
const SETTLE_MS = 5000;

/** What a service that starts anew holds of jobs that it finds, and how soon it is ready. */
export async function measureJobMemory(
  fixture: KubernetesFixture,
  { sizes }: { sizes: readonly number[] },
): Promise<string> {
  const cluster = await fixture.openNamespace();
  const empty = await startAnew(fixture, cluster);
  const rows = [toRow(0, empty, empty)];
  let count = 0;
  for (const size of sizes) {
    const added = size - count;
    {
      // Closing it finishes what its answers left behind.
      await using service = await fixture.startService(cluster);
      await submitJobs(service, `of-${size}`, added);
    }
    count = size;
    rows.push(toRow(size, await startAnew(fixture, cluster), empty));
  }
  await cluster.close();
  return toTable(['jobs found at the start', 'ready after', 'RSS', 'heap', 'heap per job'], rows);
}

interface Start {
  readonly usage: Usage;
  readonly seconds: number;
}

async function startAnew(fixture: KubernetesFixture, cluster: TestCluster): Promise<Start> {
  const began = performance.now();
  await using service = await fixture.startService(cluster);
  const seconds = (performance.now() - began) / 1000;
  await delay(SETTLE_MS);
  return { usage: await service.usage({ collectGarbage: true }), seconds };
}

function toRow(jobs: number, { usage, seconds }: Start, { usage: empty }: Start): string[] {
  const perJob = (usage.heapBytes - empty.heapBytes) / Math.max(1, jobs);
  return [
    toText(jobs),
    `${toText(seconds, 1)} s`,
    toMegabytes(usage.rssBytes),
    toMegabytes(usage.heapBytes),
    jobs === 0 ? '' : `${toText(perJob / 1024, 1)} KB`,
  ];
}
