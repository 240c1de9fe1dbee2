import { hash } from 'node:crypto';

/** Pods append up to 30 characters to a TrainJob's name, and must fit 63. */
export const MAX_NAME_LENGTH = 33;
const HASH_LENGTH = 20;
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';

/**
 * The name of a job's record and TrainJob: a readable prefix and a hash of backend and job id. An
 * RFC 1035 label of at most 33 characters, always the same for one job and, with 100 bits of
 * SHA-256, never the same for two.
 */
export function toJobName(backend: string, jobId: string): string {
  const prefix = `${backend}-${jobId}`
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, MAX_NAME_LENGTH - HASH_LENGTH - 1)
    .replace(/-+$/, '');
  return `${prefix || 'job'}-${toJobIdHash(backend, jobId)}`;
}

/** The hash inside the name, which is also a label's value. */
export function toJobIdHash(backend: string, jobId: string): string {
  // Neither part can hold a NUL, so two different pairs never make one text.
  const digest = hash('sha256', `${backend}\0${jobId}`, 'buffer');
  let text = '';
  // Five bits a character: a byte's lower bits are as good as any.
  for (const byte of digest.subarray(0, HASH_LENGTH)) text += ALPHABET[byte & 31];
  return text;
}
