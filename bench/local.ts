import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LocalFixture } from '@trainer/common/testing';
import { Client } from 'undici';
import { startService } from './child.ts';
import { toMegabytes, toTable, toText } from './table.ts';

const POLL_MS = 100;
const SETTLE_MS = 2000;

/**
 * The service on the local runner beside the one on the mock: memory, and how fast jobs are read
 * while `jobs` of them wait for one slot. Then all of them run, which train nothing, and have to
 * start in the order of their POSTs.
 */
export async function measureLocal({ jobs, reads }: { jobs: number; reads: number }) {
  await using fixture = await LocalFixture.create();
  const starts = join(fixture.root, 'starts');
  const release = join(fixture.root, 'release');
  writeFileSync(
    fixture.python,
    `#!/bin/sh
echo "$TRAINING_JOB_ID" >> '${starts}'
while [ "$TRAINING_JOB_ID" = job-0 ] && [ ! -e '${release}' ]; do sleep 0.1; done
`,
  );
  chmodSync(fixture.python, 0o755);
  const rows: string[][] = [];
  let order = '';
  for (const runner of ['mock', 'local']) {
    const env =
      runner === 'local'
        ? { ...fixture.env, TRAINER_LOCAL_CORES: '1' }
        : { TRAINER_MOCK_SUBMITTED_SECONDS: '86400' };
    await using service = await startService({ env });
    await delay(SETTLE_MS);
    const { rssBytes } = await service.usage({ collectGarbage: true });
    const client = new Client(service.url);
    for (let index = 0; index < jobs; index += 1) await post(client, fixture, `job-${index}`);
    const p99Ms = await measureReads(client, jobs, reads);
    const used = await service.usage({ collectGarbage: true });
    rows.push([
      ...[runner, toMegabytes(rssBytes), toMegabytes(used.rssBytes)],
      `${toText(p99Ms, 1)} ms`,
    ]);
    if (runner === 'local') order = await runAll({ starts, release, jobs });
    await client.close();
  }
  const waiting = `with ${toText(jobs)} waiting jobs`;
  return `${toTable(['runner', 'RSS', waiting, 'GET p99'], rows)}\n\n${order}`;
}

async function post(client: Client, fixture: LocalFixture, jobId: string): Promise<void> {
  const body = JSON.stringify({
    ...fixture.makeBody(jobId),
    base_model: { provider: 'meta', model_name: 'meta-llama/Llama-2-7b' },
    extra_parameters: {},
  });
  const headers = { 'content-type': 'application/json' };
  const answer = await client.request({ method: 'POST', path: '/train', headers, body });
  const text = await answer.body.text();
  if (answer.statusCode !== 200) throw new Error(`${jobId}: ${answer.statusCode} ${text}`);
}

async function measureReads(client: Client, jobs: number, reads: number): Promise<number> {
  const times: number[] = [];
  for (let index = 0; index < reads; index += 1) {
    const beganMs = performance.now();
    const path = `/train/job-${index % jobs}`;
    await (await client.request({ method: 'GET', path })).body.dump();
    times.push(performance.now() - beganMs);
  }
  return times.toSorted((a, b) => a - b)[Math.floor(reads * 0.99)] ?? Number.NaN;
}

async function runAll({
  starts,
  release,
  jobs,
}: {
  starts: string;
  release: string;
  jobs: number;
}): Promise<string> {
  const list = () =>
    existsSync(starts) ? readFileSync(starts, 'utf8').split('\n').filter(Boolean) : [];
  const beganMs = performance.now();
  writeFileSync(release, '');
  while (list().length < jobs) await delay(POLL_MS);
  const seconds = (performance.now() - beganMs) / 1000;
  const early = list().filter((jobId, index) => jobId !== `job-${index}`).length;
  return `${toText(jobs)} jobs ran one after the other in ${toText(seconds)} s; out of order: ${early}.`;
}
