import { chmodSync, mkdirSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { type Config, inheritEnvironment } from '../../config.ts';
import { createSoleLeadership } from '../../jobs/leadership.ts';
import type { Platform, PlatformParts } from '../../jobs/platform.ts';
import { Database } from '../../stores/sqlite/database.ts';
import { SqliteJobStore } from '../../stores/sqlite/sqlite-job-store.ts';
import { LocalRunner } from './local-runner.ts';
import { BackendOwner } from './owner.ts';
import { isInside, toRealFolder } from './real-path.ts';
import {
  ALLOWED_VARIABLES,
  findViolations,
  LIMITED_FIELDS,
  type LocalLimits,
} from './request-violations.ts';
import { findSlotPool } from './slot-pool.ts';
import { INHERITED } from './trainer-environment.ts';

/**
 * Records in SQLite, jobs as processes of this machine.
 * @throws Error with a sentence for people when this machine or its settings do not allow it.
 */
export async function createLocalPlatform(
  { backend, config, clock, logger }: PlatformParts,
  refuseUrl: LocalLimits['refuseUrl'],
): Promise<Platform> {
  if (process.platform === 'win32') {
    throw new Error('The local runner needs Linux or macOS; on Windows, run it inside WSL2.');
  }
  const { local } = config;
  const stateDir = resolve(local.stateDir);
  const runsPath = join(stateDir, 'runs');
  mkdirSync(runsPath, { recursive: true, mode: 0o700 });
  for (const folder of [stateDir, runsPath]) chmodSync(folder, 0o700);
  const roots = toRoots(local.roots, toRealFolder(stateDir));

  const env = inheritEnvironment([...INHERITED, 'CUDA_VISIBLE_DEVICES']);
  const pool = await findSlotPool(local.device, env.CUDA_VISIBLE_DEVICES, local.cores);
  const why = local.device === 'cpu' ? 'as TRAINER_LOCAL_DEVICE says' : 'since no GPU was found';
  const slots = pool.slots.length;
  if (pool.device === 'gpu') logger.info({ gpus: pool.slots }, 'jobs train on the GPUs');
  else logger.info({ cores: slots }, `jobs train on CPU cores, ${why}`);

  const database = new Database(join(stateDir, 'records.sqlite'), clock);
  const owner = new BackendOwner(database, backend);
  const store = new SqliteJobStore(database, backend);
  const allowedVariables = new Set([...ALLOWED_VARIABLES, ...local.allowedVariables]);
  const limits = { roots, allowedVariables, refuseUrl };
  const reportsUrlFile = join(stateDir, `reports-${backend}.url`);
  const runner = new LocalRunner({
    ...{ backend, database, owner, pool, limits, clock, logger },
    defaultImage: config.defaultContainerImage,
    settings: { ...toRunSettings(config, runsPath, env), reportsUrlFile },
    findJobId: (name) => store.getCached(name)?.id,
    readSecrets: async (name, uid) => {
      const record = await store.getLive(name);
      return record?.uid === uid ? (await store.readPayload(record))?.secrets : undefined;
    },
  });
  return {
    store,
    runner,
    leadership: createSoleLeadership(clock),
    apiEndpoints: [],
    limits: { reads: LIMITED_FIELDS, check: (request) => findViolations(request, limits) },
    // A run outlives the service, and the next one may listen elsewhere.
    announceReportsUrl: async (url) => {
      const temporary = `${reportsUrlFile}.new`;
      await writeFile(temporary, url, { mode: 0o600 });
      await rename(temporary, reportsUrlFile);
    },
    open: async () => {
      await owner.open();
      await store.open();
      await runner.open();
    },
    close: async () => {
      await runner.close();
      await store.close();
      // The next process detects that this one has ended.
      await owner.close().catch(() => {});
      database.close();
    },
  };
}

function toRunSettings(
  { local, graceMs }: Config,
  runsPath: string,
  env: Readonly<Record<string, string>>,
) {
  const { python, allowedHosts } = local;
  return { runsPath, python, graceMs, allowedHosts, env };
}

/** The real paths of the folders that jobs may use, none of which may hold the records. */
function toRoots(folders: readonly string[], stateDir: string): string[] {
  return folders.map((folder) => {
    let root: string;
    try {
      root = toRealFolder(folder);
    } catch {
      throw new Error(`TRAINER_LOCAL_ROOTS names ${folder}, which is no folder.`);
    }
    if (isInside(root, stateDir) || isInside(stateDir, root)) {
      throw new Error(
        `TRAINER_LOCAL_ROOTS names ${folder}, and the records are in ${stateDir} (TRAINER_LOCAL_STATE_DIR): neither may lie inside the other.`,
      );
    }
    if (root.includes(delimiter)) {
      throw new Error(`TRAINER_LOCAL_ROOTS leads to ${root}, which holds a "${delimiter}".`);
    }
    return root;
  });
}
