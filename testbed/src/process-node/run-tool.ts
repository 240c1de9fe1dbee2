import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Runs a tool of the system to its end; what it complains of becomes the error. */
export async function runTool(name: string, ...args: string[]): Promise<string> {
  try {
    return (await run(name, args, { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } })).stdout;
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    throw new Error(`${name} ${args.join(' ')}: ${stderr?.trim() || message}`, { cause: error });
  }
}
