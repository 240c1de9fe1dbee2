import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Child } from './child.ts';
import { NODE_OPTIONS } from './image-settings.ts';

const BUNDLER = fileURLToPath(new URL('../scripts/bundle.mjs', import.meta.url));
/** Without the limits that a load test would meet. */
const UNLIMITED = { TRAINER_RATE_LIMIT_PER_MINUTE: '0', TRAINER_MAX_JOBS: '10000000' };

/** Does something with the Hugging Face + Unsloth service on the mock, bundled as its image has it. */
export async function withBundle<T>(work: (start: () => Promise<Child>) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-bundle-'));
  try {
    await promisify(execFile)(process.execPath, [BUNDLER, '--out', folder, 'hf-unsloth-api']);
    const script = join(folder, 'hf-unsloth-api/server.mjs');
    return await work(() => Child.start(script, { env: { NODE_OPTIONS, ...UNLIMITED } }));
  } finally {
    await rm(folder, { recursive: true });
  }
}
