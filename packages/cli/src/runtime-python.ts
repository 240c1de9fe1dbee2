import { access, readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CliContext } from './cli-context.ts';
import { UsageError } from './usage-error.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/**
 * The Python that has the packages of our training runtime: the user's own, else one that
 * `npm start -- --runner local` or `npm run test:runtime` made.
 * @throws UsageError where there is none; the sentence says how to get one.
 */
export async function findRuntimePython(env: CliContext['env']): Promise<string> {
  if (env.TRAINER_LOCAL_PYTHON) return env.TRAINER_LOCAL_PYTHON;
  const cache = join(
    env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'),
    'trainer-runtime',
  );
  const folders = [
    join(resolve(ROOT, env.TRAINER_LOCAL_STATE_DIR || '.trainer'), 'python'),
    ...(await readdir(cache).catch(() => [])).map((name) => join(cache, name)),
  ];
  for (const folder of folders) {
    // Its making writes this file last.
    if (await isThere(join(folder, 'made-of'))) return join(folder, 'bin', 'python');
  }
  throw new UsageError(
    'The check needs the Python environment of the training runtime: `npm start -- --runner local` makes it, or TRAINER_LOCAL_PYTHON names a Python that has the packages of runtime/.',
  );
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
