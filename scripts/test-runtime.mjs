import { inRoot } from './project-paths.mjs';
import { makeTestEnvironment } from './runtime-environment.mjs';
import { Supervisor } from './supervisor.mjs';

const CHECKS = [
  ['lint', 'ruff', 'check', '.'],
  ['format', 'ruff', 'format', '--check', '.'],
  ['types', 'mypy'],
];

/**
 * Lints, type-checks and tests `runtime/` up to the first that fails, and resolves to the exit code.
 * `marks` are pytest's, and so are the further `args`, of which another `-m` replaces the marks.
 */
export async function testRuntime(marks, args) {
  const python = await makeTestEnvironment(process.env);
  const supervisor = new Supervisor(python);
  const cwd = inRoot('runtime');
  // The package is this work tree's, whichever the environment was made by.
  const env = { ...process.env, PYTHONPATH: cwd };
  for (const [name, ...command] of [...CHECKS, ['tests', 'pytest', '-m', marks, ...args]]) {
    console.log(`\n== ${name}`);
    const code = await supervisor.startTool(['-m', ...command], { cwd, env }).ended;
    if (code !== 0) {
      if (!supervisor.stopAsked) console.error(`\n${name} failed.`);
      return code;
    }
  }
  return 0;
}
