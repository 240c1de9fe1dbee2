import { findAssignedCredentials } from '../requests/credential-words.ts';
import type { Secrets } from './job-environment.ts';
import { SecretMask } from './secret-mask.ts';
import { isWordVariable } from './word-variables.ts';

/**
 * What takes the credentials of a job out of a text, and the `shared` ones of its operator: all of
 * these are secret, and so is each word of a command line that is kept as a secret.
 */
export function createJobMask(secrets: Secrets, shared: readonly string[] = []): SecretMask {
  const words = Object.entries(secrets)
    .filter(([name]) => isWordVariable(name))
    .flatMap(([, word]) => [word, ...findAssignedCredentials(word)]);
  return new SecretMask(secrets, [...words, ...shared]);
}
