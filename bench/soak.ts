import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { TestCluster } from '@trainer/common/testing/cluster';
import type { Child } from './child.ts';
import { toBody } from './example-request.ts';
import { KubernetesFixture } from './kubernetes-fixture.ts';
import { forAll, listNames, writeStatus } from './kubernetes-jobs.ts';
import { toMegabytes, toTable, toText } from './table.ts';

/*
 * npm run soak [-- --minutes N]
 * Whether a service that goes on for long holds more and more: jobs come, end and expire, and half
 * way the API server is away. Exit code 1 when its heap after a collection has grown.
 */

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '30' } } });
const durationMs = Number(values.minutes) * 60_000;
/** Until as many jobs expire as come. */
const WARM_UP_MS = Math.min(120_000, durationMs / 3);
const OUTAGE_MS = Math.min(60_000, durationMs / 10);
const MEASURE_MS = Math.min(60_000, durationMs / 10);
const BATCH_MS = 2000;
const JOBS_OF_A_BATCH = 4;
/** What may differ between two collections of the same. */
const ALLOWED_GROWTH_BYTES = 4 * 1024 * 1024;
const ENV = {
  TRAINER_TRAINJOB_TTL_SECONDS: '5',
  TRAINER_JOB_TTL_SECONDS: '20',
  TRAINER_RATE_LIMIT_PER_MINUTE: '0',
};

interface Mark {
  readonly atMs: number;
  readonly submitted: number;
  readonly known: number;
  readonly heapBytes: number;
  readonly rssBytes: number;
}

/** Jobs that come and end until `isOver`; how many came so far is told by `count`. */
class Traffic {
  count = 0;
  readonly #ended = new Set<string>();
  readonly #service: Child;
  readonly #cluster: TestCluster;

  constructor(service: Child, cluster: TestCluster) {
    this.#service = service;
    this.#cluster = cluster;
  }

  async run(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      // Both fail while the API server is away.
      await this.#submitBatch().catch(() => {});
      await this.#endAll().catch(() => {});
      await delay(BATCH_MS);
    }
  }

  async #submitBatch(): Promise<void> {
    for (let n = 0; n < JOBS_OF_A_BATCH; n += 1) {
      const { ok } = await fetch(`${this.#service.url}/train`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: toBody(`soak-${this.count}`, {}),
      });
      this.count += Number(ok);
    }
  }

  async #endAll(): Promise<void> {
    const { admin, namespace } = this.#cluster;
    const names = await listNames(admin, namespace);
    // A status that is written again would put off the end, and with it the expiry.
    const going = names.filter((name) => !this.#ended.has(name));
    await forAll(going, 4, async (name) => {
      await writeStatus(this.#cluster, name, 'succeeded');
      this.#ended.add(name);
    });
  }
}

await using fixture = await KubernetesFixture.start();
const cluster = await fixture.openNamespace();
await using service = await fixture.startService(cluster, { env: ENV });
const traffic = new Traffic(service, cluster);
const startedAtMs = performance.now();
const elapsedMs = () => performance.now() - startedAtMs;
const running = traffic.run(() => elapsedMs() > durationMs);

async function mark(): Promise<Mark> {
  const { heapBytes, rssBytes } = await service.usage({ collectGarbage: true });
  const metrics = await (await fetch(`${service.url}/metrics`)).text();
  const counts = [...metrics.matchAll(/^trainer_jobs\{.*\} (\d+)$/gm)].map(([, n]) => Number(n));
  const known = counts.reduce((sum, n) => sum + n, 0);
  return { atMs: elapsedMs(), submitted: traffic.count, known, heapBytes, rssBytes };
}

const outage = delay(durationMs / 2).then(async () => {
  const server = fixture.testbed.component('kube-apiserver');
  await server.stop();
  await delay(OUTAGE_MS);
  await server.start();
});
const marks: Mark[] = [];
await delay(WARM_UP_MS);
while (elapsedMs() < durationMs) {
  marks.push(await mark());
  await delay(MEASURE_MS);
}
await Promise.all([running, outage]);
marks.push(await mark());
const [first] = marks;
const last = marks.at(-1);
console.log(
  toTable(
    ['after', 'submitted', 'known', 'heap after a collection', 'RSS'],
    marks.map(({ atMs, submitted, known, heapBytes, rssBytes }) => [
      `${toText(atMs / 60_000, 1)} min`,
      toText(submitted),
      toText(known),
      `${toText(heapBytes / 1024 / 1024, 1)} MB`,
      toMegabytes(rssBytes),
    ]),
  ),
);
const grownBytes = (last?.heapBytes ?? 0) - (first?.heapBytes ?? 0);
console.log(`\nThe API server was away for ${toText(OUTAGE_MS / 1000)} s half way.`);
console.log(`The heap has grown by ${toText(grownBytes / 1024 / 1024, 1)} MB.`);
if (grownBytes > ALLOWED_GROWTH_BYTES) process.exitCode = 1;
await cluster.close();
