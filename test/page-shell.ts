import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MAIN = join(ROOT, 'packages', 'cli', 'src', 'main.ts');

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A shell in which a reader of a page types, in a folder that has the examples of the services. */
export class PageShell implements AsyncDisposable {
  readonly #folder: string;
  readonly #env: Readonly<Record<string, string>>;
  /** What pages call the services, and where they are. */
  readonly #addresses: Readonly<Record<string, string>>;
  #exports = '';

  private constructor(folder: string, options: ShellOptions) {
    this.#folder = folder;
    this.#env = options.env;
    this.#addresses = options.addresses;
  }

  static async open(options: ShellOptions): Promise<PageShell> {
    const folder = await mkdtemp(join(tmpdir(), 'page-shell-'));
    await mkdir(join(folder, 'bin'));
    await symlink(join(ROOT, 'services'), join(folder, 'services'));
    const start = `exec "${process.execPath}" "${MAIN}" "$@"\n`;
    await writeFile(join(folder, 'bin', 'trainer'), `#!/bin/sh\n${start}`, { mode: 0o755 });
    // As `npx trainer` in a checkout, without npm's start of a second.
    await writeFile(join(folder, 'bin', 'npx'), '#!/bin/sh\nexec "$@"\n', { mode: 0o755 });
    return new PageShell(folder, options);
  }

  /** Runs a command to its end, or until its output has the text `until`. */
  async run(command: string, until?: string): Promise<Ended> {
    let text = command;
    for (const [shown, real] of Object.entries(this.#addresses)) {
      text = text.replaceAll(shown, real);
    }
    if (text.startsWith('export ')) this.#exports += `${text}\n`;
    const path = [join(this.#folder, 'bin'), process.env.PATH].join(delimiter);
    const child = spawn('sh', ['-c', `${this.#exports}${text}`], {
      cwd: this.#folder,
      env: { ...this.#env, PATH: path },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const written = { stdout: '', stderr: '' };
    const end = once(child, 'close');
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      written.stdout += chunk;
      // The shell may have the command as a child of its own.
      if (until !== undefined && written.stdout.includes(until)) process.kill(-(child.pid ?? 0));
    });
    child.stderr.setEncoding('utf8').on('data', (chunk) => {
      written.stderr += chunk;
    });
    const [code] = await end;
    return { code, ...written };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true });
  }
}

export interface ShellOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly addresses: Readonly<Record<string, string>>;
}
