import { findAssignedCredentials } from '../requests/credential-words.ts';
import { findUrlSecrets } from '../requests/credentials.ts';
import type { Secrets } from './job-environment.ts';
import { isToBeMasked, SecretMask } from './secret-mask.ts';
import { isWordVariable } from './word-variables.ts';

/**
 * What takes the credentials of a job out of a text, and the `shared` ones of its operator: all of
 * these are secret, and so is what a word of a command line gives that is kept as a secret.
 */
export function createJobMask(secrets: Secrets, shared: readonly string[] = []): SecretMask {
  const entries = Object.entries(secrets);
  const words = entries.filter(([name]) => isWordVariable(name)).map(([, word]) => word);
  const known = entries
    .filter(([name, value]) => !isWordVariable(name) && isToBeMasked(name, value))
    .map(([, value]) => value);
  return new SecretMask(secrets, [...words.flatMap((word) => secretsOf(word, known)), ...shared]);
}

/** Of a script only what it gives is secret, not each of its lines. */
function secretsOf(word: string, known: readonly string[]): string[] {
  const parts = [...findAssignedCredentials(word), ...findUrlSecrets(word)];
  if (!/\s/.test(word)) return [word, ...parts];
  const gives = parts.length > 0 || known.some((value) => word.includes(value));
  // What gives none by itself is what follows a flag.
  return gives ? parts : [word];
}
