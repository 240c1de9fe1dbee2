import { setTimeout as delay } from 'node:timers/promises';
import type { KubernetesFixture } from './kubernetes-fixture.ts';
import { submitJobs } from './kubernetes-jobs.ts';
import { toTable, toText } from './table.ts';

/** The API server counts what it last stored of each kind now and then. */
const COUNTED_MS = 65_000;
const KINDS = [
  ['Secret', 'secrets'],
  ['TrainJob', 'trainjobs'],
] as const;

/** Bytes in etcd of the two objects of a job, as the API server itself estimates them. */
export async function measureRecords(
  fixture: KubernetesFixture,
  { jobs }: { jobs: number },
): Promise<string> {
  const cluster = await fixture.openNamespace();
  const before = await readSizes(fixture);
  {
    await using service = await fixture.startService(cluster);
    await submitJobs(service, 'record', jobs);
  }
  await delay(COUNTED_MS);
  const after = await readSizes(fixture);
  await cluster.close();
  const rows = KINDS.map(([kind, resource]) => {
    const bytes = ((after.get(resource) ?? 0) - (before.get(resource) ?? 0)) / jobs;
    return [kind, `${toText(bytes / 1024, 1)} KB`];
  });
  return toTable(["bytes in etcd of one job of the guide's example", 'mean'], rows);
}

async function readSizes({ testbed }: KubernetesFixture): Promise<Map<string, number>> {
  const text = String(await testbed.kube.call<unknown>('GET', '/metrics'));
  const line = /^apiserver_resource_size_estimate_bytes\{.*resource="(\w+)"\} (\S+)$/gm;
  return new Map(
    [...text.matchAll(line)].map(([, resource = '', bytes]) => [resource, Number(bytes)]),
  );
}
