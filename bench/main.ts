import { availableParallelism, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { measureDeliveryRate } from './delivery-rate.ts';
import { measureFirstStep } from './first-step.ts';
import { measureHttp } from './http-ratio.ts';
import { measureList } from './list.ts';
import { measureLiveCallbacks } from './live-callbacks.ts';
import { measureLocal } from './local.ts';
import { measureLogs } from './logs.ts';
import { measureManyJobs } from './many-jobs.ts';
import { measureMemory } from './memory.ts';
import { measurePage } from './page.ts';
import { measureStart } from './start-time.ts';
import { measureStreams } from './streams.ts';
import { measureTouchedCode } from './touched-code.ts';

/*
 * npm run bench -- [--quick] [--only NAME,…] [--minutes N]
 * Prints one table for each measurement. Nothing is judged: the goals stand beside the figures.
 *
 * npm run bench -- kubernetes …, which starts a control plane: see kubernetes.ts
 */

if (process.argv[2] === 'kubernetes') {
  await import('./kubernetes.ts');
  process.exit();
}

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    minutes: { type: 'string', default: '3' },
  },
});
const { quick } = values;
const intervalSeconds = quick ? 1 : 60;
const intervals = quick ? 3 : Number(values.minutes);
let heapBytesPerJob = Number.NaN;

const measurements: Record<string, () => Promise<string>> = {
  http: () => measureHttp(quick ? { rounds: 1, roundMs: 300 } : { rounds: 5, roundMs: 5000 }),
  touched: measureTouchedCode,
  memory: measureMemory,
  start: () => measureStart({ runs: quick ? 1 : 5 }),
  local: () => measureLocal(quick ? { jobs: 5, reads: 100 } : { jobs: 500, reads: 5000 }),
  'first-step': async () => {
    const python = process.env.TRAINER_LOCAL_PYTHON;
    if (python === undefined) return 'Left out: TRAINER_LOCAL_PYTHON names no Python that trains.';
    return measureFirstStep(python, { runs: quick ? 1 : 3 });
  },
  logs: () => measureLogs({ seconds: quick ? 2 : 15 }),
  jobs: async () => {
    const size = quick ? { jobs: 1000, idleMs: 500 } : { jobs: 100_000, idleMs: 10_000 };
    const measured = await measureManyJobs(size);
    heapBytesPerJob = measured.heapBytesPerJob;
    return measured.report;
  },
  list: () => measureList(quick ? { jobs: 1000, reads: 20 } : { jobs: 100_000, reads: 300 }),
  page: () => measurePage(quick ? { jobs: 100, runs: 1 } : { jobs: 5000, runs: 15 }),
  streams: () =>
    measureStreams(
      quick
        ? { jobs: 100, changesPerSecond: 100, seconds: 1, readersOfAll: 4, idleReaders: 10 }
        : { jobs: 2000, changesPerSecond: 200, seconds: 30, readersOfAll: 20, idleReaders: 200 },
    ),
  deliveries: () =>
    measureDeliveryRate(quick ? { rounds: 1, deliveries: 500 } : { rounds: 5, deliveries: 10_000 }),
  callbacks: () => {
    const callbacks = quick ? 500 : 100_000;
    return measureLiveCallbacks({ callbacks, intervalSeconds, intervals, heapBytesPerJob });
  },
};

const chosen = values.only?.split(',') ?? Object.keys(measurements);
const unknown = chosen.find((name) => measurements[name] === undefined);
if (unknown !== undefined || !(intervals > 0)) {
  const known = Object.keys(measurements).join(', ');
  console.error(`Use [--quick] [--only NAME,…] [--minutes N] with the names ${known}.`);
  process.exit(2);
}
const date = new Date().toISOString().slice(0, 10);
console.log(`${date}, Node ${process.version}, ${availableParallelism()} cores.`);
for (const name of chosen) {
  const [load = 0] = loadavg();
  console.log(`\n## ${name} (load before: ${load.toFixed(1)})\n`);
  console.log(await measurements[name]?.());
}
