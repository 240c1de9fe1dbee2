import { z } from 'zod';
import { jsonBytes } from '../json-bytes.ts';
import type { JsonObject } from './job.ts';

/** The end of what one run of a job has written, masked. */
export interface LogTail {
  /** Which run of the job, from 1 on. */
  readonly attempt: number;
  /** When it was reported, UNIX milliseconds. */
  readonly atMs: number;
  readonly text: string;
}

/** Of one run. */
export const MAX_TAIL_BYTES = 8 * 1024;
/** Of all runs of a job together, as JSON. */
const MAX_BYTES = 32 * 1024;

const TailsSchema = z.object({
  tails: z.array(z.object({ attempt: z.int().min(1), atMs: z.number(), text: z.string() })),
});

/** What a record has of them, the oldest first; none where that cannot be read. */
export function parseLogTails(kept: JsonObject | undefined): readonly LogTail[] {
  return TailsSchema.safeParse(kept).data?.tails ?? [];
}

/** With one more, or a newer one of its run; the oldest are left out where it is too much. Pure. */
export function addLogTail(known: readonly LogTail[], tail: LogTail): readonly LogTail[] {
  const before = known.find(({ attempt }) => attempt === tail.attempt);
  if (before !== undefined && before.atMs >= tail.atMs) return known;
  const others = known.filter(({ attempt }) => attempt !== tail.attempt);
  const all = [...others, tail].sort((a, b) => a.attempt - b.attempt);
  while (all.length > 1 && jsonBytes({ tails: all }) > MAX_BYTES) {
    all.shift();
  }
  return all;
}

/** The last 8 KiB of a text, without half a character at its start. */
export function cutTail(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= MAX_TAIL_BYTES) return text;
  let from = bytes.length - MAX_TAIL_BYTES;
  while (((bytes[from] ?? 0) & 0xc0) === 0x80) from += 1;
  return bytes.toString('utf8', from);
}
