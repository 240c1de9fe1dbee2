import { parseArgs } from 'node:util';
import { buildAll } from './build.ts';
import { startTestbed, type Testbed } from './testbed.ts';

const { values, positionals } = parseArgs({
  options: { dir: { type: 'string' } },
  allowPositionals: true,
});

const signalled = new Promise<'signalled'>((resolve) => {
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(name, () => resolve('signalled'));
});

try {
  process.exit(await main());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

async function main(): Promise<number> {
  const began = Date.now();
  // A build takes minutes and is dropped at a signal; a start takes seconds and is undone in order.
  const binaries = await Promise.race([buildAll(console.error), signalled]);
  if (binaries === 'signalled') return 1;
  if (positionals[0] === 'build') {
    for (const { path, versions } of Object.values(binaries))
      console.log(path, JSON.stringify(versions));
    return 0;
  }
  const testbed = await startTestbed({
    ...(values.dir && { dir: values.dir }),
    log: console.error,
  });
  introduce(testbed, Date.now() - began);
  const end = await Promise.race([signalled, testbed.died]);
  if (end !== 'signalled') console.error(end);
  await testbed.close();
  return end === 'signalled' ? 0 : 1;
}

function introduce({ versions, kubeconfigPath }: Testbed, tookMs: number): void {
  for (const [name, version] of Object.entries(versions)) console.log(`${name} ${version}`);
  console.log(`ready in ${(tookMs / 1000).toFixed(1)} s; end it with Ctrl-C or SIGTERM`);
  console.log(`KUBECONFIG=${kubeconfigPath}`);
}
