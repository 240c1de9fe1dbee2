import { spawnSync } from 'node:child_process';

/** @throws Error with one sentence that says what to install, unless the program runs. */
export function requireProgram(command: string, argument: string, wanted: string): void {
  const { status, error } = spawnSync(command, [argument], { stdio: 'ignore' });
  if (error === undefined && status === 0) return;
  throw new Error(`\`${command}\` does not run here: install ${wanted}, as .ci/tools.sh does.`);
}
