import { parseArgs } from 'node:util';
import { buildAll } from './build.ts';
import { startTestbed } from './testbed.ts';

const { values, positionals } = parseArgs({
  options: { dir: { type: 'string' } },
  allowPositionals: true,
});

try {
  process.exitCode = positionals[0] === 'build' ? await build() : await serve();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

async function build(): Promise<number> {
  for (const { path, versions } of Object.values(await buildAll(console.error))) {
    console.log(path, JSON.stringify(versions));
  }
  return 0;
}

async function serve(): Promise<number> {
  const signal = new Promise<undefined>((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(name, () => resolve(undefined));
  });
  const began = Date.now();
  const starting = startTestbed({ ...(values.dir && { dir: values.dir }), log: console.error });
  const testbed = await starting;
  for (const [name, version] of Object.entries(testbed.versions)) console.log(`${name} ${version}`);
  console.log(
    `ready in ${((Date.now() - began) / 1000).toFixed(1)} s; end it with Ctrl-C or SIGTERM`,
  );
  console.log(`KUBECONFIG=${testbed.kubeconfigPath}`);
  const death = await Promise.race([signal, testbed.died]);
  if (death) console.error(death);
  await testbed.close();
  return death ? 1 : 0;
}
