import { buildPageWhenNeeded } from './build-page.mjs';
import { runDemo } from './demo.mjs';
import { findNode } from './find-node.mjs';
import { installWhenNeeded } from './install.mjs';
import { Refusal } from './refusal.mjs';
import { runSteps } from './run-steps.mjs';
import { startServices } from './start-services.mjs';
import { testRuntime } from './test-runtime.mjs';
import { testCrowd, testEndToEnd, testTraining } from './test-training.mjs';

const tool = (name, packageName, ...args) => ({ name, packageName, args });
const program = (name, file, ...args) => ({ name, file, args });

const check = [
  tool('format and lint', '@biomejs/biome', 'check', '--error-on-warnings'),
  tool('promises', 'oxlint'),
  tool('types', 'typescript', '--noEmit'),
  tool('types of the page', 'typescript', '--noEmit', '--project', 'packages/page'),
  program('layers and cycles', 'scripts/check-layers.ts'),
];

/** A command is steps, the last of which gets the further arguments, or a function of those. */
const commands = {
  start: (args, node) => startServices(args, { node, watch: false }),
  dev: (args, node) => startServices(args, { node, watch: true }),
  demo: runDemo,
  test: [...check, tool('tests', 'vitest', 'run')],
  check,
  build: [program('bundles', 'scripts/bundle.mjs')],
  openapi: [program('openapi', 'scripts/openapi.ts')],
  manifests: [program('manifests', 'scripts/manifests.ts')],
  'runtime:table': [program('runtime table', 'scripts/runtime-table.ts')],
  format: [tool('format', '@biomejs/biome', 'check', '--write')],
  bench: [program('bench', 'bench/main.ts')],
  soak: [program('soak', 'bench/soak.ts')],
  testbed: [program('testbed', 'testbed/src/main.ts')],
  'test:cluster': [tool('cluster tests', 'vitest', 'run', '--config', 'vitest.cluster.config.ts')],
  'test:page': [tool('page tests', 'vitest', 'run', '--config', 'vitest.page.config.ts')],
  'test:tools': [
    tool('tests by public tools', 'vitest', 'run', '--config', 'vitest.tools.config.ts'),
  ],
  'test:runtime': (args) => testRuntime('not slow', args),
  'test:runtime:slow': (args) => testRuntime('slow', args),
  'test:training': testTraining,
  'test:end-to-end': testEndToEnd,
  'test:crowd': testCrowd,
  chaos: [program('chaos', 'chaos/main.ts')],
  'chaos:local': [program('chaos of one machine', 'chaos/local/main.ts')],
  mutation: [program('mutation', 'mutation/main.mjs')],
};

/** Runs the command that `argv` names first; the result becomes this process's exit code. */
export async function runCommand([name = '', ...args]) {
  try {
    if (!Object.hasOwn(commands, name)) {
      const known = Object.keys(commands).join(', ');
      throw new Refusal(`There is no command '${name}': use ${known}.`, { exitCode: 2 });
    }
    await installWhenNeeded();
    await buildPageWhenNeeded();
    process.exitCode = await run(commands[name], args, findNode());
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    console.error(error.message);
    process.exitCode = error.exitCode;
  }
}

function run(command, args, node) {
  if (typeof command === 'function') return command(args, node);
  return runSteps(command, { node, extraArgs: args });
}
