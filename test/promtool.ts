import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Without what discovers targets in clouds, which is most of what would be compiled. */
const TAGS = '-tags=remove_all_sd';

/** Runs the promtool of `test/promtool`, compiled where that was never done; resolves with its output. */
export async function promtool(...args: readonly string[]): Promise<string> {
  const GOFLAGS = [process.env.GOFLAGS, TAGS].filter(Boolean).join(' ');
  const command = ['-C', 'test/promtool', 'tool', 'promtool', ...args];
  const env = { ...process.env, GOFLAGS };
  const { stdout } = await promisify(execFile)('go', command, { env }).catch((error) => {
    throw new Error(`promtool ${args.join(' ')}: ${error.stdout}${error.stderr}`);
  });
  return stdout;
}
