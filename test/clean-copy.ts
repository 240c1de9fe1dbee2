import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const REPOSITORY = dirname(dirname(fileURLToPath(import.meta.url)));

/** A folder with what a clone of the work tree would hold, nothing installed; dispose of it. */
export async function makeCleanCopy(): Promise<AsyncDisposable & { folder: string }> {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const { stdout } = await promisify(execFile)('git', args, { cwd: REPOSITORY });
  const folder = await mkdtemp(join(tmpdir(), 'clean-copy-'));
  for (const path of stdout.split('\0').filter(Boolean)) {
    // A file that is deleted but not committed yet is listed, too.
    await cp(join(REPOSITORY, path), join(folder, path)).catch(ignoreMissing);
  }
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
