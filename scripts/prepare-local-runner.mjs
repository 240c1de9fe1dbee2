import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { withMachineLock } from './machine-lock.mjs';
import { inRoot } from './project-paths.mjs';
import { Refusal } from './refusal.mjs';

/** Tried in this order: what `python3` is may be too old although a newer one is there. */
const PYTHONS = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.14'];
/** What the environment is made of; another content makes it anew. */
const INGREDIENTS = ['runtime/install', 'runtime/pyproject.toml', 'runtime/uv.lock'];
/** Of the locked packages; PyTorch for Linux brings NVIDIA's libraries. */
const SIZE =
  process.platform === 'linux' ? '3 GB to load, 5 GB on disk' : '0.3 GB to load, 1.5 GB on disk';

/**
 * Makes ready what the local runner needs, and returns its settings as variables: a folder that jobs
 * may use, and a Python that can train. What `env` sets already stays. `install` fills a folder with
 * such a Python, made from the one that is named.
 */
export async function prepareLocalRunner(env, { say = console.log, install = runInstaller } = {}) {
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

async function makePython(env, { say, install }) {
  const folder = resolve(inRoot(''), env.TRAINER_LOCAL_STATE_DIR || '.trainer', 'python');
  const python = join(folder, 'bin', 'python');
  const stamp = join(folder, 'made-of');
  const ingredients = hashIngredients();
  const isReady = () => existsSync(python) && readIfThere(stamp) === ingredients;
  if (isReady()) return python;
  const base = findPython(env);
  await withMachineLock(`trainer-python-${hashText(folder)}`, async () => {
    // Somebody else may have made it in the meantime.
    if (isReady()) return;
    say(
      `Making the Python environment that trains in ${folder}, once: ${SIZE}. TRAINER_LOCAL_PYTHON names one of your own instead.`,
    );
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    await install(folder, base, env);
    // Written last, so that what was interrupted is made again.
    writeFileSync(stamp, ingredients);
  });
  return python;
}

/** A Python that is new enough and can make environments. */
function findPython(env) {
  const found = (env.RUNTIME_PYTHON ? [env.RUNTIME_PYTHON] : PYTHONS).find((name) => {
    try {
      const script = 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))';
      execFileSync(name, ['-c', script], { env, stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  });
  if (found !== undefined) return found;
  throw new Refusal(
    'The local runner trains with Python: install Python 3.11 or newer with its venv module, or set TRAINER_LOCAL_PYTHON to one that has the packages of runtime/.',
  );
}

/** It shows its progress itself. */
function runInstaller(folder, python, env) {
  const args = [inRoot('runtime/install'), folder, '--editable'];
  return new Promise((done, fail) => {
    const child = spawn('bash', args, {
      env: { ...env, RUNTIME_PYTHON: python },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const refuse = () =>
      fail(new Refusal('The Python environment could not be made; what went wrong stands above.'));
    child.once('error', refuse).once('exit', (code) => (code === 0 ? done() : refuse()));
  });
}

function hashIngredients() {
  return hashText(INGREDIENTS.map((path) => readFileSync(inRoot(path), 'utf8')).join('\0'));
}

function hashText(text) {
  return createHash('sha256').update(text).digest('hex');
}

function readIfThere(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}
