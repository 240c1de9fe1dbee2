import { hash } from 'node:crypto';
import { RecentCache } from '../recent-cache.ts';

/** Pods append up to 30 characters to a TrainJob's name, and must fit 63. */
export const MAX_NAME_LENGTH = 33;
const HASH_LENGTH = 20;
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';

/** A name is asked for several times in each request about its job. */
const names = new RecentCache<string>({ maxSize: 10_000 });

/**
 * The name of a job's record and TrainJob: a readable prefix and a hash of backend and job id. An
 * RFC 1035 label of at most 33 characters, always the same for one job and, with 100 bits of
 * SHA-256, never the same for two.
 */
export function toJobName(backend: string, jobId: string): string {
  return names.memo(toKey(backend, jobId), writeName);
}

/** The hash inside the name, which is also a label's value. */
export function toJobIdHash(backend: string, jobId: string): string {
  return toJobName(backend, jobId).slice(-HASH_LENGTH);
}

/** Neither part can hold a NUL, so two different pairs never make one text. */
function toKey(backend: string, jobId: string): string {
  return `${backend}\0${jobId}`;
}

function writeName(key: string): string {
  const prefix = key
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, MAX_NAME_LENGTH - HASH_LENGTH - 1)
    .replace(/-+$/, '');
  const digest = hash('sha256', key, 'buffer');
  let text = '';
  // Five bits a character: a byte's lower bits are as good as any.
  for (const byte of digest.subarray(0, HASH_LENGTH)) text += ALPHABET[byte & 31];
  return `${prefix || 'job'}-${text}`;
}
