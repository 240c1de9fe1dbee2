const MAX_RETRY_AFTER_MS = 86_400_000;
/** The three date formats of RFC 9110, which all begin with the day's name. */
const DATE = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? .*\d/;

/**
 * A `Retry-After` header (RFC 9110, seconds or a date) as milliseconds from `nowMs`, a day at
 * most; undefined when there is none that can be read.
 */
export function parseRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, MAX_RETRY_AFTER_MS);
  if (!DATE.test(text)) return undefined;
  // The oldest format names no zone; all are UTC.
  const atMs = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  if (Number.isNaN(atMs)) return undefined;
  return Math.min(Math.max(0, atMs - nowMs), MAX_RETRY_AFTER_MS);
}
