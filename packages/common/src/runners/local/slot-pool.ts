import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import type { RunRow } from './run-row.ts';

/** What runs of this machine share: cards, or cores where there are none. */
export interface SlotPool {
  readonly device: 'gpu' | 'cpu';
  /** As CUDA_VISIBLE_DEVICES names them; numbers for cores. */
  readonly slots: readonly string[];
}

const PROBE_TIMEOUT_MS = 10_000;

/**
 * Finds the cards, unless `device` is cpu; `visible` is CUDA_VISIBLE_DEVICES, where it is set.
 * Without cards there are `cores` slots, by default one for each core of the machine.
 */
export async function findSlotPool(
  device: 'auto' | 'cpu',
  visible: string | undefined,
  cores = availableParallelism(),
): Promise<SlotPool> {
  const gpus = device === 'cpu' ? [] : await findGpus(visible);
  if (gpus.length > 0) return { device: 'gpu', slots: gpus };
  return { device: 'cpu', slots: Array.from({ length: cores }, (_, index) => `${index}`) };
}

async function findGpus(visible: string | undefined): Promise<string[]> {
  try {
    const { stdout } = await promisify(execFile)(
      'nvidia-smi',
      ['--query-gpu=index', '--format=csv,noheader'],
      { timeout: PROBE_TIMEOUT_MS },
    );
    const present = stdout.split('\n').flatMap((line) => line.trim() || []);
    if (visible === undefined) return present;
    // A list that names a card by its UUID is taken at its word.
    return visible.split(',').flatMap((name) => name.trim() || []);
  } catch {
    return [];
  }
}

/** How many slots a run gets that asks for so many. */
export function toSlotCount(wanted: number, { slots }: SlotPool): number {
  return Math.max(1, Math.min(wanted, slots.length));
}

/**
 * Which runs of `backend` may start now: first come, first served over all backends, except that
 * nobody waits for one that no process serves. Pure.
 */
export function chooseRuns(
  rows: readonly RunRow[],
  backend: string,
  pool: SlotPool,
  isServed: (backend: string) => boolean,
  isOver: (row: RunRow) => boolean,
): { row: RunRow; slots: string[] }[] {
  const holds = (row: RunRow) => row.state !== 'queued' && !(!isServed(row.backend) && isOver(row));
  const taken = new Set(rows.filter(holds).flatMap(({ slots }) => slots));
  let free = pool.slots.filter((slot) => !taken.has(slot));
  const chosen: { row: RunRow; slots: string[] }[] = [];
  for (const row of rows) {
    if (row.state !== 'queued' || !isServed(row.backend)) continue;
    const count = toSlotCount(row.wanted, pool);
    if (count > free.length || row.backend !== backend) break;
    chosen.push({ row, slots: free.slice(0, count) });
    free = free.slice(count);
  }
  return chosen;
}
