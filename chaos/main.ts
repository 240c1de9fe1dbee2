import { randomInt } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { TestCluster } from '@trainer/common/testing/cluster';
import { startTestbed } from '@trainer/testbed';
import { ClusterAudit, TRAINER_API } from './cluster-audit.ts';
import { FAILPOINTS, type Failpoint, PRELUDES } from './failpoints.ts';
import { Fleet } from './fleet.ts';
import { Receivers } from './receivers.ts';
import { ReportedCheckpoints } from './reported-checkpoints.ts';
import { RetryingClient } from './retrying-client.ts';
import { describeSteered } from './steering-verdict.ts';
import { findOrphans, judge, type Verdict } from './verdict.ts';
import { Workload } from './workload.ts';

/*
 * Kills replicas of a real service on a real control plane, at every failpoint and at random, while
 * jobs come in and receivers misbehave; then counts what was lost. `--rounds 5` is the long run.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '1' },
    replicas: { type: 'string', default: '3' },
    'pause-ms': { type: 'string', default: '400' },
  },
});
const FAILPOINT_TIMEOUT_MS = 90_000;
/** Longer than retries may be apart by then, also behind a circuit that has opened several times. */
const STANDSTILL_MS = 300_000;

const kubeconfig = process.env.KUBECONFIG;
const testbed = kubeconfig === undefined ? await startTestbed({ log: console.log }) : undefined;
const cluster = await TestCluster.create(kubeconfig ?? testbed?.kubeconfigPath ?? '');
const logDir = await mkdtemp(join(tmpdir(), 'chaos-'));
const receivers = await Receivers.start();
const replicas = Array.from({ length: Number(values.replicas) });
const BACKEND = 'hf-unsloth';
const fleet = new Fleet({
  kubeconfigs: await Promise.all(replicas.map(() => cluster.createAccount())),
  logDir,
  backend: BACKEND,
  env: {
    PORT: '0',
    LOG_LEVEL: 'info',
    TRAINER_JOB_RUNNER: 'kubernetes',
    TRAINER_JOBS_NAMESPACE: cluster.namespace,
    TRAINER_CALLBACK_INTERVAL_SECONDS: '5',
    TRAINER_TRAINJOB_TTL_SECONDS: '5',
    TRAINER_JOB_TTL_SECONDS: '10',
    // The pods know no address to report to: that is done from here.
    TRAINER_REPORTS_PORT: '0',
    TRAINER_REPORTS_URL: 'http://127.0.0.1:1',
    TRAINER_GRACE_SECONDS: '3',
  },
});
const audit = new ClusterAudit(cluster.admin, cluster.namespace, BACKEND);
const client = new RetryingClient(fleet);
const checkpoints = new ReportedCheckpoints(fleet, audit);
const workload = new Workload({ client, receivers, audit, checkpoints, paceMs: 4000 });
const deletedByUs = new Set<string>();
const hits = new Map<Failpoint, number>();
let randomKills = 0;
let preludeKills = 0;

console.log(`replicas log to ${logDir}`);
await fleet.fill();
const working = new AbortController();
const work = workload.run(Number(values['pause-ms']), working.signal);

for (let round = 1; round <= Number(values.rounds); round += 1) {
  for (const [index, failpoint] of FAILPOINTS.entries()) {
    // Half a round is long enough to be down, since retries wait as long again as they have failed.
    if (index === Math.floor(FAILPOINTS.length / 2)) receivers.bringUp();
    await dieAt(failpoint);
  }
  await fleet.fill();
  await killAtRandom();
  await deleteWhileAllAreDown();
  console.log(`round ${round}: ${workload.accepted.length} jobs, ${countKills()} kills`);
}
working.abort();
await work;
await settle();
const verdict = await judge(workload, fleet.cutShort, deletedByUs, receivers, audit);

await fleet.close();
await audit.close();
await cluster.close();
await receivers.close();
await testbed?.close();
report(verdict);

/** Armed while the last death is made good, since what that left undone may be what leads here. */
async function dieAt(failpoint: Failpoint): Promise<void> {
  const prelude = PRELUDES[failpoint];
  // A prelude needs somebody who survives it.
  if (prelude !== undefined) await fleet.fill();
  const [death] = await Promise.all([
    fleet.awaitDeathAt(failpoint, FAILPOINT_TIMEOUT_MS, prelude),
    fleet.fill(),
  ]);
  if (prelude !== undefined && death !== undefined) preludeKills += 1;
  if (death !== undefined) hits.set(failpoint, (hits.get(failpoint) ?? 0) + 1);
}

async function killAtRandom(): Promise<void> {
  for (let count = 0; count < 3; count += 1) {
    await sleep(randomInt(3000));
    randomKills += await fleet.kill(randomInt(replicas.length));
    await fleet.fill();
  }
}

async function deleteWhileAllAreDown(): Promise<void> {
  randomKills += await fleet.kill();
  const trainJobs = await audit.list(TRAINER_API, 'trainjobs');
  for (const { metadata } of trainJobs.slice(0, 5)) {
    deletedByUs.add(metadata.name);
    await audit.deleteTrainJob(metadata.name);
  }
  await fleet.fill();
}

/** A record goes only when its end was told, so when all are gone, all is told that ever will be. */
async function settle(): Promise<void> {
  let before: string | undefined;
  for (let changedAtMs = Date.now(); Date.now() < changedAtMs + STANDSTILL_MS; await sleep(1000)) {
    const left = (await findOrphans(audit)).join();
    if (left === '') return;
    if (left !== before) changedAtMs = Date.now();
    before = left;
  }
}

function countKills(): number {
  return [...hits.values()].reduce((sum, count) => sum + count, randomKills + preludeKills);
}

function report({ jobs, refusals, repeats, ...faults }: Verdict): void {
  const missed = FAILPOINTS.filter(
    (failpoint) => (hits.get(failpoint) ?? 0) < Number(values.rounds),
  );
  console.table(
    Object.fromEntries(FAILPOINTS.map((failpoint) => [failpoint, hits.get(failpoint) ?? 0])),
  );
  console.log(`kills: ${countKills()} (${randomKills} at random moments)`);
  console.log(`jobs: ${jobs}; refused submissions: ${refusals}; repeated ends: ${repeats}`);
  console.log(describeSteered(workload.accepted));
  for (const [name, list] of Object.entries({
    ...faults,
    replicasCrashed: fleet.crashed,
    failpointsMissed: missed,
  })) {
    console.log(
      `${name}: ${list.length}${list.length > 0 ? ` (${list.slice(0, 10).join(', ')})` : ''}`,
    );
    if (list.length > 0) process.exitCode = 1;
  }
}
