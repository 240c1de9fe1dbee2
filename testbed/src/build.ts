import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { withLock } from './lock.ts';
import { type GoModule, modules } from './modules.ts';

const run = promisify(execFile);
const sources = fileURLToPath(new URL('../go/', import.meta.url));

export interface Binary {
  path: string;
  /** Upstream module to version. */
  versions: Record<string, string>;
  /** Source of the first upstream module, as it lies in Go's module cache. */
  source: string;
}

export type Binaries = Record<string, Binary>;

export type Log = (line: string) => void;

/** Every binary of the test bed, those that are missing from the cache being built. */
export async function buildAll(log: Log): Promise<Binaries> {
  const goVersion = await findGo();
  const binaries: Binaries = {};
  for (const module of modules) {
    binaries[module.name] = await build(module, goVersion, log);
  }
  return binaries;
}

/** The one binary that the test bed's own processes are started by. */
export async function buildHelper(log: Log = () => {}): Promise<Binary> {
  const [helper] = modules;
  if (helper?.name !== 'helper') throw new Error('the helper is no longer the first module');
  return build(helper, await findGo(), log);
}

async function findGo(): Promise<string> {
  try {
    return (await run('go', ['env', 'GOVERSION'], { cwd: sources })).stdout.trim();
  } catch {
    throw new Error(
      'The test bed builds its control plane from source and needs Go 1.26 or newer in PATH (see testbed/README.md).',
    );
  }
}

async function build(module: GoModule, goVersion: string, log: Log): Promise<Binary> {
  const cwd = join(sources, module.name);
  const goMod = await readFile(join(cwd, 'go.mod'), 'utf8');
  const versions = Object.fromEntries(module.upstream.map((name) => [name, pinned(goMod, name)]));
  const args = buildArguments(module, versions);
  const patch = module.patch ? Object.values(module.patch) : [];
  const folder = join(cacheRoot(), module.name, await hash(cwd, [goVersion, ...args, ...patch]));
  const path = join(folder, module.name);
  const sourceNote = join(folder, 'source');

  await withLock(folder, async () => {
    if (existsSync(path)) return;
    const began = Date.now();
    log(`building ${module.name} (once; later starts take it from ${cacheRoot()})`);
    await mkdir(folder, { recursive: true });
    const draft = `${path}.${process.pid}`;
    const overlay = await patchSource(module, cwd, folder);
    await goRun(['build', ...args, ...overlay, '-o', draft, module.command], cwd);
    await rename(draft, path);
    log(`built ${module.name} in ${Math.round((Date.now() - began) / 1000)} s`);
  });
  return { path, versions, source: await upstreamSource(module, cwd, sourceNote) };
}

function buildArguments(module: GoModule, versions: Record<string, string>): string[] {
  const [main] = Object.values(versions);
  const extra = main ? (module.ldflags?.(main) ?? []) : [];
  return ['-trimpath', '-buildvcs=false', `-ldflags=${['-s', '-w', ...extra].join(' ')}`];
}

/** Lays the patched file over the module's own folder, as Go replaces nothing in its module cache. */
async function patchSource(module: GoModule, cwd: string, folder: string): Promise<string[]> {
  if (!module.patch) return [];
  const { file, from, to } = module.patch;
  const source = await upstreamSource(module, cwd, join(folder, 'source'));
  const parts = (await readFile(join(source, file), 'utf8')).split(from);
  if (parts.length !== 2) throw new Error(`${module.name}: ${file} has not one ${from}`);
  const patched = join(folder, basename(file));
  const overlay = join(folder, 'overlay.json');
  await writeFile(patched, parts.join(to));
  await writeFile(overlay, JSON.stringify({ Replace: { [join(cwd, basename(file))]: patched } }));
  return [`-overlay=${overlay}`];
}

/** Asking Go takes longer than the rest of a warm start, so the answer is kept beside the binary. */
async function upstreamSource(module: GoModule, cwd: string, note: string): Promise<string> {
  const [name] = module.upstream;
  if (!name) return cwd;
  if (existsSync(note)) {
    const known = await readFile(note, 'utf8');
    if (existsSync(known)) return known;
  }
  const { Dir } = JSON.parse(await goRun(['mod', 'download', '-json', name], cwd)) as {
    Dir: string;
  };
  await writeFile(`${note}.${process.pid}`, Dir);
  await rename(`${note}.${process.pid}`, note);
  return Dir;
}

async function goRun(args: string[], cwd: string): Promise<string> {
  const env = { ...process.env, CGO_ENABLED: '0', GOWORK: 'off' };
  const running = run('go', args, { cwd, env, maxBuffer: 64 << 20 });
  const end = () => running.child.kill();
  process.once('exit', end);
  try {
    return (await running).stdout;
  } finally {
    process.off('exit', end);
  }
}

function pinned(goMod: string, module: string): string {
  const line = goMod
    .split('\n')
    .find((text) => text.replace(/^(require)?\s+/, '').startsWith(`${module} v`));
  const version = line?.match(/ (v\S+)/)?.[1];
  if (!version) throw new Error(`go.mod does not pin ${module}`);
  return version;
}

async function hash(folder: string, more: string[]): Promise<string> {
  const digest = createHash('sha256').update(more.join('\n'));
  for (const file of (await readdir(folder))
    .filter((name) => /\.(go|mod|sum)$/.test(name))
    .sort()) {
    digest.update(`\n${file}\n`).update(await readFile(join(folder, file)));
  }
  return digest.digest('hex').slice(0, 16);
}

function cacheRoot(): string {
  return process.env.TRAINER_TESTBED_CACHE ?? join(homedir(), '.cache', 'trainer-testbed');
}
