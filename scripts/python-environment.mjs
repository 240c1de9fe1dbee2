import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withMachineLock } from './machine-lock.mjs';
import { inRoot } from './project-paths.mjs';
import { Refusal } from './refusal.mjs';

/** Tried in this order: what `python3` is may be too old although a newer one is there. */
const PYTHONS = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.14'];
/** What an environment is made of; another content makes it anew. */
const INGREDIENTS = ['install', 'pyproject.toml', 'slim_torch.py', 'uv.lock'];

/**
 * The Python of an environment in `folder` that has the packages of `runtime/`, made when it is not
 * there or of something else. `options` are those of runtime/install, `sayWhat` hears of a making,
 * `without` is the sentence for a machine that has no Python; `install` fills the folder.
 */
export async function makePythonEnvironment(
  folder,
  { env, options, sayWhat, without, install = runInstaller(options) },
) {
  const python = join(folder, 'bin', 'python');
  const stamp = join(folder, 'made-of');
  const ingredients = hashIngredients();
  const isReady = () => existsSync(python) && readIfThere(stamp) === ingredients;
  if (isReady()) return python;
  const base = findPython(env, without);
  await withMachineLock(`trainer-python-${hashText(folder)}`, async () => {
    // Somebody else may have made it in the meantime.
    if (isReady()) return;
    sayWhat(folder);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    await install(folder, base, env);
    // Written last, so that what was interrupted is made again.
    writeFileSync(stamp, ingredients);
  });
  return python;
}

/** SHA-256 of all that decides what is installed. */
export function hashIngredients() {
  return hashText(
    INGREDIENTS.map((name) => readFileSync(inRoot(`runtime/${name}`), 'utf8')).join('\0'),
  );
}

/** A Python that is new enough and can make environments. */
function findPython(env, without) {
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
  throw new Refusal(without);
}

/** It shows its progress itself. */
const runInstaller = (options) => (folder, python, env) => {
  const args = [inRoot('runtime/install'), folder, ...options];
  return new Promise((done, fail) => {
    const child = spawn('bash', args, {
      env: { ...env, RUNTIME_PYTHON: python },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const refuse = () =>
      fail(new Refusal('The Python environment could not be made; what went wrong stands above.'));
    child.once('error', refuse).once('exit', (code) => (code === 0 ? done() : refuse()));
  });
};

function hashText(text) {
  return createHash('sha256').update(text).digest('hex');
}

function readIfThere(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}
