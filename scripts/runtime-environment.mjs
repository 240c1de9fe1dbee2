import { homedir } from 'node:os';
import { join } from 'node:path';
import { hashIngredients, makePythonEnvironment } from './python-environment.mjs';

/**
 * The Python of the environment that the runtime's tests run in: made once for each content of
 * runtime/uv.lock, below the user's cache folder, and shared by all work trees.
 */
export function makeTestEnvironment(env) {
  const cache = env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const folder = join(cache, 'trainer-runtime', `tests-${hashIngredients().slice(0, 16)}`);
  return makePythonEnvironment(folder, {
    env,
    options: ['--dev', '--slim', '--editable'],
    sayWhat: () =>
      console.log(`Making the Python environment of the tests in ${folder}, once: 0.7 GB to load.`),
    without:
      'The tests of the runtime need Python: install Python 3.11 or newer with its venv module, or name one by RUNTIME_PYTHON.',
  });
}
