import { execFile } from 'node:child_process';
import { delimiter, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const REPOSITORY = dirname(dirname(fileURLToPath(import.meta.url)));

export interface NpxResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program of packages from the registry, `name@version` each, in the repository's folder
 * and with the Node of this process. They are installed nowhere in the repository.
 */
export function runNpx(
  packages: readonly string[],
  command: readonly string[],
  env: Record<string, string> = {},
): Promise<NpxResult> {
  const args = ['--yes', ...packages.map((name) => `--package=${name}`), '--', ...command];
  const path = [dirname(process.execPath), process.env.PATH].join(delimiter);
  const options = {
    cwd: REPOSITORY,
    env: { ...process.env, PATH: path, ...env },
    maxBuffer: 64 * 1024 * 1024,
  };
  return new Promise((resolve) => {
    execFile('npx', args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, stdout, stderr });
    });
  });
}
