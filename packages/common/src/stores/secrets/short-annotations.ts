import type { JobState, KeptDelivery } from '../../jobs/job.ts';
import type { Reported } from '../../jobs/reported.ts';
import { jsonBytes } from '../../json-bytes.ts';

/**
 * Every replica holds all annotations in memory and every change of one writes them all to etcd, so
 * they stay small: bytes of JSON, together with the rest below 12 KiB.
 */
const MAX_DETAIL_BYTES = 1536;
/** With the traits, which come first, since lists filter by them. */
const MAX_WARNINGS_BYTES = 4096;
const MAX_DELIVERY_BYTES = 2560;
const MAX_REPORTED_BYTES = 1280;
export const MAX_ITEM_BYTES = 512;

export function shortenDetail(state: JobState): JobState {
  return { ...state, detail: shortenText(state.detail, MAX_DETAIL_BYTES) };
}

/** The oldest attempts go first. */
export function shortenDelivery(delivery: KeptDelivery): KeptDelivery {
  if (jsonBytes(delivery) <= MAX_DELIVERY_BYTES) return delivery;
  const attempts = delivery.attempts.map((attempt) => {
    return { ...attempt, error: attempt.error && shortenText(attempt.error, MAX_ITEM_BYTES) };
  });
  const room = MAX_DELIVERY_BYTES - jsonBytes({ ...delivery, attempts: [] });
  const count = countFitting(attempts.toReversed(), room);
  return { ...delivery, attempts: attempts.slice(attempts.length - count) };
}

/** The oldest checkpoints and the newest warnings go first. */
export function shortenReported(reported: Reported): Reported {
  if (jsonBytes(reported) <= MAX_REPORTED_BYTES) return reported;
  const { checkpoints, warnings, ...rest } = reported;
  const room = MAX_REPORTED_BYTES - jsonBytes({ ...rest, checkpoints: [], warnings: [] });
  const kept = checkpoints.slice(checkpoints.length - countFitting(checkpoints.toReversed(), room));
  const left = room - jsonBytes(kept);
  return { ...rest, checkpoints: kept, warnings: warnings.slice(0, countFitting(warnings, left)) };
}

/** `besides` shares the room of the warnings. */
export function shortenWarnings(warnings: readonly string[], besides = ''): readonly string[] {
  const room = MAX_WARNINGS_BYTES - Buffer.byteLength(besides);
  if (jsonBytes(warnings) <= room) return warnings;
  const short = warnings.map((warning) => shortenText(warning, MAX_ITEM_BYTES));
  const count = countFitting(short, room - 64);
  const kept = short.slice(0, count);
  return [...kept, `${warnings.length - count} further warnings are left out`];
}

/** How many of the first items fit together; in one pass, since requests decide how many there are. */
function countFitting(items: readonly unknown[], maxBytes: number): number {
  let bytes = 0;
  const tooMany = items.findIndex((item) => {
    bytes += jsonBytes(item) + 1;
    return bytes > maxBytes;
  });
  return tooMany < 0 ? items.length : tooMany;
}

function shortenText(text: string, maxBytes: number): string {
  if (jsonBytes(text) <= maxBytes) return text;
  // No character takes more than six bytes in JSON, so this many always fit.
  const certain = Math.floor((maxBytes - 8) / 6);
  let end = Math.min(text.length, maxBytes);
  while (end > certain && jsonBytes(text.slice(0, end)) > maxBytes - 3) end -= 16;
  return `${text.slice(0, Math.max(end, certain)).toWellFormed()}…`;
}
