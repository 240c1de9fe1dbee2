import { runSteps } from './run-steps.mjs';
import { makeTestEnvironment } from './runtime-environment.mjs';

const toStep = (name, config) => ({
  name,
  packageName: 'vitest',
  args: ['run', '--config', config],
});
const TRAINING = toStep('tests that train', 'vitest.training.config.ts');
const END_TO_END = toStep('tests that train in pods', 'vitest.end-to-end.config.ts');

/**
 * Runs the tests in which services train on this machine, in the Python of TRAINER_LOCAL_PYTHON or
 * that of the runtime's own tests; `args` are vitest's. Resolves to the exit code.
 */
export function testTraining(args, node) {
  return run(TRAINING, args, node);
}

/** The same in the pods of a control plane of the test bed, which needs Go and root. */
export function testEndToEnd(args, node) {
  return run(END_TO_END, args, node);
}

/** Fifty trainings, or TRAINER_CROWD_JOBS, on four slots of a queue; of the others it is five. */
export function testCrowd(args, node) {
  process.env.TRAINER_CROWD_JOBS ||= '50';
  return run({ ...END_TO_END, name: 'a crowd of trainings' }, ['crowd', ...args], node);
}

async function run(step, args, node) {
  process.env.TRAINER_LOCAL_PYTHON ||= await makeTestEnvironment(process.env);
  return runSteps([step], { node, extraArgs: args });
}
