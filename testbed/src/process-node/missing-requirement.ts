import { execFileSync } from 'node:child_process';

const TOOLS = [
  ['unshare', ['--net', '--mount', '--pid', '--fork', 'true']],
  ['nsenter', ['--version']],
  ['ip', ['-Version']],
] as const;

/** Why no node can run pods here, as the end of the sentence "needs …"; undefined where one can. */
export function findMissingRequirement(): string | undefined {
  if (process.platform !== 'linux') return 'Linux';
  if (process.getuid?.() !== 0) return 'root';
  for (const [name, args] of TOOLS) {
    try {
      execFileSync(name, args, { stdio: 'ignore' });
    } catch {
      return `${name}, and the right to use it (util-linux and iproute2)`;
    }
  }
  return undefined;
}
