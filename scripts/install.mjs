import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { withMachineLock } from './machine-lock.mjs';
import { inRoot, root } from './project-paths.mjs';
import { Refusal } from './refusal.mjs';

const PNPM = 'pnpm@12.21.0';
const ON_WINDOWS = process.platform === 'win32';
const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const STAMP = inRoot('node_modules/.installed-lockfile');

/** Installs the locked dependencies unless exactly these are installed already. */
export async function installWhenNeeded() {
  const wanted = fingerprint();
  if (installed() === wanted) return;

  console.error('Installing the dependencies: this is the first run, or they changed.');
  await withMachineLock('trainer-apis-install', async () => {
    if (installed() === wanted) return;
    await install();
    writeFileSync(STAMP, wanted);
  });
}

function fingerprint() {
  const lockfile = createHash('sha256').update(readFileSync(inRoot('pnpm-lock.yaml')));
  return `${PNPM} ${process.platform}-${process.arch} ${lockfile.digest('hex')}`;
}

function installed() {
  try {
    return readFileSync(STAMP, 'utf8');
  } catch {
    return undefined;
  }
}

/** Quiet unless it fails, since a good install has nothing to say that a user needs. */
async function install() {
  const args = ['-y', PNPM, 'install', '--frozen-lockfile', '--config.confirmModulesPurge=false'];
  const child = spawn('npx', args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    // npx is a .cmd file on Windows, which only a shell can start.
    shell: ON_WINDOWS,
    detached: !ON_WINDOWS,
  });
  const output = [];
  child.stdout.on('data', (chunk) => output.push(chunk));
  child.stderr.on('data', (chunk) => output.push(chunk));
  const stop = () => (ON_WINDOWS ? child.kill() : process.kill(-child.pid, 'SIGTERM'));
  for (const signal of STOP_SIGNALS) process.on(signal, stop);

  const failure = await new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) =>
      resolve(code === 0 ? undefined : (signal ?? `code ${code}`)),
    );
  });
  for (const signal of STOP_SIGNALS) process.off(signal, stop);
  if (failure === undefined) return;
  process.stderr.write(Buffer.concat(output));
  throw new Refusal(`The dependencies could not be installed (${failure}): see the lines above.`);
}
