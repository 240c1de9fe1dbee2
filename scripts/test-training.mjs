import { runSteps } from './run-steps.mjs';
import { makeTestEnvironment } from './runtime-environment.mjs';

const STEP = {
  name: 'tests that train',
  packageName: 'vitest',
  args: ['run', '--config', 'vitest.training.config.ts'],
};

/**
 * Runs the tests in which services train on this machine, in the Python of TRAINER_LOCAL_PYTHON or
 * that of the runtime's own tests; `args` are vitest's. Resolves to the exit code.
 */
export async function testTraining(args, node) {
  process.env.TRAINER_LOCAL_PYTHON ||= await makeTestEnvironment(process.env);
  return runSteps([STEP], { node, extraArgs: args });
}
