import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { RunFolder, RunOrder } from './run-folder.ts';

/** The bundle has it beside its other files. */
const SHIM = fileURLToPath(new URL('./run-shim.mjs', import.meta.url));

/** Exit codes of a shim that has started no training: its own word for it, and Node's for an error. */
const NOT_BEGUN = new Set<number | null>([10, 1]);

/**
 * Starts the shim of a run in a session of its own, so that it goes on without this process.
 * `onEnd` is called when it has ended, or never came to be, with whether it may have started a
 * training.
 */
export function launchShim(
  folder: RunFolder,
  order: RunOrder,
  env: Readonly<Record<string, string>>,
  onEnd: (mayHaveBegun: boolean) => void,
): void {
  folder.create(order);
  const errors = openSync(folder.at('shim.log'), 'a', 0o600);
  try {
    const shim = spawn(process.execPath, [SHIM, folder.path], {
      cwd: folder.path,
      env,
      detached: true,
      stdio: ['ignore', 'ignore', errors],
    });
    shim.once('error', () => onEnd(false)).once('exit', (code) => onEnd(!NOT_BEGUN.has(code)));
    shim.unref();
  } finally {
    closeSync(errors);
  }
}
