import { mkdirSync } from 'node:fs';
import { delimiter, resolve } from 'node:path';
import { inRoot } from './project-paths.mjs';
import { makePythonEnvironment } from './python-environment.mjs';

/** Of the locked packages; PyTorch for Linux brings NVIDIA's libraries. */
const SIZE =
  process.platform === 'linux' ? '3 GB to load, 6 GB on disk' : '0.3 GB to load, 1.5 GB on disk';

/**
 * Makes ready what the local runner needs, and returns its settings as variables: a folder that jobs
 * may use, and a Python that can train. What `env` sets already stays. `install` fills a folder with
 * such a Python, made from the one that is named.
 */
export async function prepareLocalRunner(env, { say = console.log, install } = {}) {
  const roots = env.TRAINER_LOCAL_ROOTS || makeRoot();
  const python = env.TRAINER_LOCAL_PYTHON || (await makePython(env, { say, install }));
  say(`Jobs may use what lies below ${roots.split(delimiter).join(' and ')}.`);
  return {
    TRAINER_JOB_RUNNER: 'local',
    TRAINER_LOCAL_ROOTS: roots,
    TRAINER_LOCAL_PYTHON: python,
  };
}

function makeRoot() {
  const folder = inRoot('training');
  mkdirSync(folder, { recursive: true });
  return folder;
}

function makePython(env, { say, install }) {
  return makePythonEnvironment(
    resolve(inRoot(''), env.TRAINER_LOCAL_STATE_DIR || '.trainer', 'python'),
    {
      env,
      install,
      options: ['--editable'],
      sayWhat: (folder) =>
        say(
          `Making the Python environment that trains in ${folder}, once: ${SIZE}. TRAINER_LOCAL_PYTHON names one of your own instead.`,
        ),
      without:
        'The local runner trains with Python: install Python 3.11 or newer with its venv module, or set TRAINER_LOCAL_PYTHON to one that has the packages of runtime/.',
    },
  );
}
