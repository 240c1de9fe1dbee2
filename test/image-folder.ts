import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ImageSpec } from './dockerfile.ts';

const IS_ROOT = process.getuid?.() === 0;

/** What a container of an image would see, laid out in an empty folder that nobody may write to. */
export class ImageFolder {
  readonly #root: string;
  readonly #spec: ImageSpec;
  readonly #children = new Set<ChildProcess>();

  private constructor(root: string, spec: ImageSpec) {
    this.#root = root;
    this.#spec = spec;
  }

  /** `built` is the folder that the build stage leaves to be copied. */
  static async create(spec: ImageSpec, built: string): Promise<ImageFolder> {
    const root = await mkdtemp(join(tmpdir(), 'image-'));
    const image = new ImageFolder(root, spec);
    await cp(built, image.#at(spec.workFolder), { recursive: true });
    // The base image brings Node; the user must be able to reach it, which a clone may not allow.
    await mkdir(image.#at('/usr/local/bin'), { recursive: true });
    await copyFile(process.execPath, image.#at('/usr/local/bin/node'));
    await setModes(root);
    return image;
  }

  /** Paths of all that the last stage adds. */
  async listFiles(): Promise<string[]> {
    return (await readdir(this.#at(this.#spec.workFolder), { recursive: true })).sort();
  }

  read(path: string): Promise<string> {
    return readFile(join(this.#at(this.#spec.workFolder), path), 'utf8');
  }

  /** Bytes that the last stage adds. */
  async size(): Promise<number> {
    let size = 0;
    for (const path of await this.listFiles()) {
      const entry = await stat(join(this.#at(this.#spec.workFolder), path));
      if (entry.isFile()) size += entry.size;
    }
    return size;
  }

  /** Starts one of the image's commands as its user, with nothing but the image's environment. */
  start(command: readonly string[], env: Record<string, string> = {}): ImageProcess {
    const [program = '', ...args] = command;
    const child = spawn(program, args, {
      cwd: this.#at(this.#spec.workFolder),
      env: { PATH: this.#at('/usr/local/bin'), ...this.#spec.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Only root can become somebody else; everybody else has no more rights than that anyway.
      ...(IS_ROOT && this.#spec.user),
    });
    this.#children.add(child);
    return new ImageProcess(child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    await promisify(execFile)('chmod', ['-R', 'u+w', this.#root]);
    await rm(this.#root, { recursive: true });
  }

  #at(path: string): string {
    return join(this.#root, path);
  }
}

/** A command that runs, with all that it has written. */
export class ImageProcess {
  output = '';
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk) => {
        this.output += chunk;
      });
    }
    this.ended = once(child, 'close').then(([code, signal]) => code ?? signal);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('the command could not be started');
    return this.#child.pid;
  }
}

async function setModes(root: string): Promise<void> {
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const isOpen = entry.isDirectory() || entry.name === 'node';
    await chmod(join(entry.parentPath, entry.name), isOpen ? 0o555 : 0o444);
  }
  await chmod(root, 0o555);
}
