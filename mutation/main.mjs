import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { targets } from './targets.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const [name = '', ...options] = process.argv.slice(2);

if (!Object.hasOwn(targets, name)) {
  console.error(`Name what to mutate: ${Object.keys(targets).join(', ')}.`);
  process.exitCode = 2;
} else {
  // Into this folder alone, so that no other install pays for it.
  const install = ['-y', 'pnpm@12.21.0', 'install', '--ignore-workspace', '--frozen-lockfile'];
  const stryker = here('node_modules/@stryker-mutator/core/bin/stryker.js');
  process.exitCode =
    run('npx', [...install, '--silent'], here('.')) ||
    run(process.execPath, [stryker, 'run', here('stryker.config.mjs'), ...options], here('..'));
}

function run(command, args, cwd) {
  const env = { ...process.env, MUTATION_TARGET: name };
  return spawnSync(command, args, { cwd, env, stdio: 'inherit' }).status ?? 1;
}
