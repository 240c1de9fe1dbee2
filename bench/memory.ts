import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Child, startService } from './child.ts';
import { toBody } from './example-request.ts';
import { applyLoad } from './load.ts';
import { toMegabytes, toTable } from './table.ts';

const BUNDLER = fileURLToPath(new URL('../scripts/bundle.mjs', import.meta.url));
const SETTLE_MS = 3000;
const JOBS = 1000;

/** Resident memory of one service on the mock: from the sources, and bundled as its image has it. */
export async function measureMemory(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-bundle-'));
  try {
    await promisify(execFile)(process.execPath, [BUNDLER, '--out', folder, 'hf-unsloth-api']);
    const rows = [
      await measure('from the sources', await startService()),
      await measure('bundled', await Child.start(join(folder, 'hf-unsloth-api/server.mjs'))),
    ];
    return toTable(['RSS of one service', 'started', 'collected', 'with 1,000 jobs', 'goal'], rows);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function measure(name: string, child: Child): Promise<string[]> {
  await using service = child;
  await delay(SETTLE_MS);
  const started = await service.usage();
  const collected = await service.usage({ collectGarbage: true });
  let count = 0;
  await applyLoad(service.url, {
    connections: 4,
    next: () => {
      count += 1;
      if (count > JOBS) return undefined;
      return { method: 'POST', path: '/train', body: toBody(`job-${count}`) };
    },
  });
  await delay(SETTLE_MS);
  const used = await service.usage({ collectGarbage: true });
  const cells = [started, collected, used].map(({ rssBytes }) => toMegabytes(rssBytes));
  return [name, ...cells, '< 110 MB'];
}
