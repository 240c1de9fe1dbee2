import { setTimeout as delay } from 'node:timers/promises';
import type { TestCluster } from '@trainer/common/testing/cluster';
import { request } from 'undici';
import type { Child } from './child.ts';
import { toBody } from './example-request.ts';
import type { KubernetesFixture } from './kubernetes-fixture.ts';
import { forAll, submitJobs } from './kubernetes-jobs.ts';
import { RawClient } from './kubernetes-raw.ts';
import { median, toTable, toText } from './table.ts';

const CONNECTIONS = 16;
/** After each round, for what an answer left behind. */
const SETTLE_MS = 1000;
const IDLE_MS = 10_000;
const RUN_ID = 'trainer.deepfinery/run-id';
const TRAINER_API = '/apis/trainer.kubeflow.org/v1alpha1';

interface Round {
  readonly perSecond: number;
  /** Processor time of API server, etcd and Trainer's webhook for one submission. */
  readonly clusterCpuMs: number;
  /** The same of the service, or of the client that makes the raw POSTs. */
  readonly ownCpuMs: number;
}

interface Created {
  readonly metadata: { readonly uid: string; readonly resourceVersion: string };
}

interface Side {
  readonly run: (round: number) => Promise<void>;
  readonly cpuMs: () => Promise<number>;
}

/** The two objects of one job, as texts in which its name stands wherever it belongs. */
interface Objects {
  readonly name: string;
  readonly secret: string;
  readonly trainJob: Readonly<Record<string, unknown>> & { readonly metadata: object };
}

type Name = 'service' | 'twoCalls' | 'threeCalls';

/**
 * POST /train against POSTs of the same two objects to the same API server, and against those with
 * the note of the one in the other, in turns, so that whatever else the machine does meets all alike.
 */
export async function measureSubmissions(
  fixture: KubernetesFixture,
  options: { rounds: number; jobs: number },
): Promise<string> {
  const cluster = await fixture.openNamespace();
  // Where no service watches, so that the yardstick pays for nothing but itself.
  const elsewhere = await fixture.openNamespace();
  await using service = await fixture.startService(cluster);
  const objects = await readObjects(cluster, service);
  const account = await elsewhere.createAccount();
  await using client = await RawClient.open(account, CONNECTIONS);
  const cpuMs = async () => process.cpuUsage().user / 1000 + process.cpuUsage().system / 1000;
  const toRawSide = (prefix: string, isNoted: boolean): Side => ({
    run: (round) =>
      post(client, elsewhere.namespace, objects, {
        ...{ prefix: `${prefix}-${round}`, jobs: options.jobs, isNoted },
      }),
    cpuMs,
  });
  const sides: Record<Name, Side> = {
    service: {
      run: (round) => submitJobs(service, `round-${round}`, options.jobs),
      cpuMs: async () => (await service.usage()).cpuMs,
    },
    twoCalls: toRawSide('two', false),
    threeCalls: toRawSide('three', true),
  };
  const idle = await measureIdle(fixture);
  const rounds: Record<Name, Round[]> = { service: [], twoCalls: [], threeCalls: [] };
  const names = Object.keys(sides) as Name[];
  for (let round = 0; round <= options.rounds; round += 1) {
    // Each comes first, in the middle and last.
    for (const index of names.keys()) {
      const side = names[(index + round) % names.length] ?? 'service';
      const measured = await measure(fixture, sides[side], { round, idle, jobs: options.jobs });
      // The first round only warms up.
      if (round > 0) rounds[side].push(measured);
    }
  }
  await Promise.all([cluster.close(), elsewhere.close()]);
  return report(rounds, options);
}

function report(
  { service, twoCalls, threeCalls }: Record<Name, readonly Round[]>,
  { rounds, jobs }: { rounds: number; jobs: number },
): string {
  const toRow = (against: string, raw: readonly Round[], goal: string) => {
    const ratios = service.map(({ perSecond }, index) => perSecond / (raw[index]?.perSecond ?? 0));
    return [
      `submissions, against ${against}`,
      `${toText(medianOf(service, 'perSecond'))}/s`,
      `${toText(medianOf(raw, 'perSecond'))}/s`,
      median(ratios).toFixed(2),
      `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`,
      goal,
    ];
  };
  const toCpuRow = (what: string, raw: readonly Round[], of: 'clusterCpuMs' | 'ownCpuMs') => [
    what,
    `${toText(medianOf(service, of), 1)} ms`,
    `${toText(medianOf(raw, of), 1)} ms`,
    (medianOf(raw, of) / medianOf(service, of)).toFixed(2),
    '',
    '',
  ];
  return toTable(
    [`${rounds} rounds of ${jobs}`, 'POST /train', 'raw calls', 'ratio', 'rounds', 'goal'],
    [
      toRow('two POSTs', twoCalls, '0.80'),
      toRow('two POSTs and the PATCH that notes', threeCalls, ''),
      toCpuRow("CPU of the cluster's side, against two POSTs", twoCalls, 'clusterCpuMs'),
      toCpuRow('the same, against all three', threeCalls, 'clusterCpuMs'),
      toCpuRow('CPU of the service, or of the client for all three', threeCalls, 'ownCpuMs'),
    ],
  );
}

function medianOf(side: readonly Round[], of: keyof Round): number {
  return median(side.map((round) => round[of]));
}

async function measure(
  fixture: KubernetesFixture,
  side: Side,
  { round, jobs, idle }: { round: number; jobs: number; idle: number },
): Promise<Round> {
  const [clusterMs, ownMs] = await Promise.all([fixture.cpuMs(), side.cpuMs()]);
  const began = performance.now();
  await side.run(round);
  const ms = performance.now() - began;
  await delay(SETTLE_MS);
  const passedMs = (await fixture.cpuMs()) - clusterMs - idle * (performance.now() - began);
  return {
    perSecond: jobs / (ms / 1000),
    clusterCpuMs: passedMs / jobs,
    ownCpuMs: ((await side.cpuMs()) - ownMs) / jobs,
  };
}

/** Processor time that the cluster's side takes in a millisecond in which nobody asks it for anything. */
async function measureIdle(fixture: KubernetesFixture): Promise<number> {
  const cpuMs = await fixture.cpuMs();
  await delay(IDLE_MS);
  return ((await fixture.cpuMs()) - cpuMs) / IDLE_MS;
}

async function readObjects({ admin, namespace }: TestCluster, service: Child): Promise<Objects> {
  const answer = await request(`${service.url}/train`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: toBody('template'),
  });
  const { backend_job_id: name } = (await answer.body.json()) as { backend_job_id: string };
  const secret = await admin.call<{
    metadata: { labels: object; annotations: object };
    type: string;
    data: Record<string, string>;
  }>({ method: 'GET', path: `/api/v1/namespaces/${namespace}/secrets/${name}` });
  const { metadata, type, data } = secret;
  const { labels, annotations } = metadata;
  const manifest = Buffer.from(data['.train-job.json'] ?? '', 'base64').toString();
  return {
    name,
    secret: JSON.stringify({ type, data, metadata: { name, labels, annotations } }),
    trainJob: JSON.parse(manifest) as Objects['trainJob'],
  };
}

async function post(
  client: RawClient,
  namespace: string,
  { name: template, secret, trainJob }: Objects,
  { prefix, jobs, isNoted }: { prefix: string; jobs: number; isNoted: boolean },
): Promise<void> {
  const names = Array.from({ length: jobs }, (_, index) => `${prefix}-${index}`);
  await forAll(names, CONNECTIONS, async (name) => {
    const secrets = `/api/v1/namespaces/${namespace}/secrets`;
    const record = await client.call<Created>('POST', secrets, secret.replaceAll(template, name));
    const { uid, resourceVersion } = record.metadata;
    const ownerReferences = [{ apiVersion: 'v1', kind: 'Secret', name, uid }];
    const metadata = { ...trainJob.metadata, namespace, ownerReferences };
    const body = JSON.stringify({ ...trainJob, metadata }).replaceAll(template, name);
    const path = `${TRAINER_API}/namespaces/${namespace}/trainjobs?fieldValidation=Strict`;
    const run = await client.call<Created>('POST', path, body);
    if (!isNoted) return;
    const annotations = { [RUN_ID]: run.metadata.uid };
    const note = { metadata: { uid, resourceVersion, annotations } };
    await client.call('PATCH', `${secrets}/${name}`, JSON.stringify(note));
  });
}
