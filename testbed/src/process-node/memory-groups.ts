import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A control group that limits the memory of one container. */
export interface MemoryGroup {
  /** The file by which a process joins. */
  readonly procs: string;
  /** How many of its processes the kernel has killed for their memory. */
  countKills(): Promise<number>;
  remove(): Promise<void>;
}

interface Version {
  readonly folder: string;
  readonly limit: string;
  readonly kills: string;
}

const V1: Version = {
  folder: '/sys/fs/cgroup/memory',
  limit: 'memory.limit_in_bytes',
  kills: 'memory.oom_control',
};
const V2: Version = {
  folder: '/sys/fs/cgroup',
  limit: 'memory.max',
  kills: 'memory.events',
};

/**
 * Makes control groups with a memory limit, by whichever version of them the machine has; undefined
 * where this process may make none, as in a container without that right.
 */
export async function findMemoryGroups(): Promise<
  ((limitBytes: number) => Promise<MemoryGroup>) | undefined
> {
  const version = existsSync(join(V1.folder, V1.limit)) ? V1 : V2;
  const probe = async () => (await createGroup(version, 2 ** 30)).remove();
  try {
    if (version === V2) await writeFile(join(V2.folder, 'cgroup.subtree_control'), '+memory');
    await probe();
  } catch {
    return undefined;
  }
  return (limitBytes) => createGroup(version, limitBytes);
}

async function createGroup(version: Version, limitBytes: number): Promise<MemoryGroup> {
  const folder = join(version.folder, `testbed-${randomUUID()}`);
  await mkdir(folder);
  await writeFile(join(folder, version.limit), String(Math.floor(limitBytes)));
  // As a kubelet has it: all of a container dies with the first. The older version has no such file.
  if (version === V2) await writeFile(join(folder, 'memory.oom.group'), '1');
  return {
    procs: join(folder, 'cgroup.procs'),
    countKills: async () => {
      const text = await readFile(join(folder, version.kills), 'utf8');
      return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
    },
    // Its processes are gone by now, or it cannot be removed, which harms nobody.
    remove: () => rmdir(folder).catch(() => {}),
  };
}
