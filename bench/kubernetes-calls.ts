import { setTimeout as delay } from 'node:timers/promises';
import type { Child } from './child.ts';
import { CountingProxy } from './counting-proxy.ts';
import type { KubernetesFixture } from './kubernetes-fixture.ts';
import { forAll, listNames, submitJobs, writeStatus } from './kubernetes-jobs.ts';
import { applyLoad } from './load.ts';
import { toTable, toText } from './table.ts';

/** After what was measured, for what an answer left behind. */
const SETTLE_MS = 3000;

/** Calls of the API server that a submission, a GET and a waiting job cost, as they pass by. */
export async function measureCalls(
  fixture: KubernetesFixture,
  options: { jobs: number; minutes: number },
): Promise<string> {
  const { jobs, minutes } = options;
  const cluster = await fixture.openNamespace();
  await using proxy = await CountingProxy.open(cluster.server);
  await using service = await fixture.startService(cluster, { server: proxy.url });
  // What is read once for all jobs.
  await submitJobs(service, 'first', 1);
  await delay(SETTLE_MS);
  proxy.take();

  const rows: string[][] = [];
  await submitJobs(service, 'call', jobs);
  await delay(SETTLE_MS);
  rows.push(...toRows('POST /train', proxy.take(), jobs));
  await read(service, jobs);
  rows.push(...toRows('GET /train/{job_id}', proxy.take(), jobs));
  {
    await using other = await fixture.startService(cluster, { server: proxy.url });
    proxy.take();
    await read(other, jobs);
    rows.push(
      ...toRows('GET on a replica that sees the job for the first time', proxy.take(), jobs),
    );
  }
  const names = await listNames(cluster.admin, cluster.namespace);
  await forAll(names, 16, (name) => writeStatus(cluster, name, 'running'));
  await delay(SETTLE_MS);
  proxy.take();
  await delay(minutes * 60_000);
  const idle = [...proxy.take()].map(([call, count]) => [
    `${toText(jobs)} running jobs and nothing else, ${toText(minutes, 1)} minutes`,
    call,
    toText(count),
    `${toText((count / minutes) * 60)} an hour`,
  ]);
  await cluster.close();
  return toTable(['', 'call', 'counted', 'for one'], [...rows, ...idle]);
}

async function read(service: Child, jobs: number): Promise<void> {
  let index = 0;
  await applyLoad(service.url, {
    connections: 4,
    next: () => {
      index += 1;
      return index > jobs ? undefined : { method: 'GET', path: `/train/call-${index}` };
    },
  });
}

/** The Lease is kept whatever the service does, so it stands with the idle jobs only. */
function toRows(what: string, counts: ReadonlyMap<string, number>, jobs: number): string[][] {
  const own = [...counts].filter(([call]) => !call.endsWith(' leases'));
  if (own.length === 0) return [[what, 'none', '0', '0']];
  return own.map(([call, count]) => [what, call, toText(count), toText(count / jobs, 2)]);
}
