import { UsageError } from './usage-error.ts';

/** @throws UsageError where what an option got is no whole number, or a smaller one. */
export function parseWholeNumber(option: string, given: string, atLeast = 0): number {
  if (/^\d{1,6}$/.test(given) && Number(given) >= atLeast) return Number(given);
  const bound = atLeast === 0 ? '' : `, at least ${atLeast}`;
  throw new UsageError(`--${option} must be a whole number${bound}.`);
}
