import { availableParallelism, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { measureCalls } from './kubernetes-calls.ts';
import { KubernetesFixture } from './kubernetes-fixture.ts';
import { measureJobMemory } from './kubernetes-memory.ts';
import { measureReaction } from './kubernetes-reaction.ts';
import { measureRecords } from './kubernetes-records.ts';
import { measureSubmissions } from './kubernetes-submissions.ts';

/*
 * npm run bench -- kubernetes [--quick] [--only NAME,…] [--minutes N]
 * Starts a test bed (testbed/README.md says what that needs) and prints one table for each
 * measurement. Nothing is judged: the goals stand beside the figures.
 */

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    minutes: { type: 'string', default: '10' },
  },
});
const { quick } = values;
const minutes = quick ? 0.5 : Number(values.minutes);

const measurements: Record<string, (fixture: KubernetesFixture) => Promise<string>> = {
  submissions: (fixture) =>
    measureSubmissions(fixture, quick ? { rounds: 2, jobs: 100 } : { rounds: 5, jobs: 400 }),
  reaction: (fixture) =>
    measureReaction(fixture, quick ? { jobs: 40, changes: 10 } : { jobs: 1000, changes: 250 }),
  calls: (fixture) =>
    measureCalls(fixture, quick ? { jobs: 20, minutes } : { jobs: 1000, minutes }),
  records: (fixture) => measureRecords(fixture, { jobs: quick ? 20 : 500 }),
  memory: (fixture) => measureJobMemory(fixture, { sizes: quick ? [100, 200] : [1000, 10_000] }),
};

const chosen = values.only?.split(',') ?? Object.keys(measurements);
const unknown = chosen.find((name) => measurements[name] === undefined);
if (unknown !== undefined || !(minutes > 0)) {
  const known = Object.keys(measurements).join(', ');
  console.error(`Use kubernetes [--quick] [--only NAME,…] [--minutes N] with the names ${known}.`);
  process.exit(2);
}
const date = new Date().toISOString().slice(0, 10);
console.log(`${date}, Node ${process.version}, ${availableParallelism()} cores.`);
await using fixture = await KubernetesFixture.start();
for (const [module, version] of Object.entries(fixture.testbed.versions)) {
  if (module !== 'node') console.log(`${module} ${version}`);
}
for (const name of chosen) {
  const [load = 0] = loadavg();
  console.log(`\n## ${name} (load before: ${load.toFixed(1)})\n`);
  console.log(await measurements[name]?.(fixture));
}
