import { isCredentialName } from './credential-names.ts';

/** `--api-key=X`, `HF_TOKEN=X`, and each of these inside a text for a shell. */
const ASSIGNMENT =
  /(?<=^|[\s;'"(])(?:--?([A-Za-z][\w.-]*)\s+(?!-)|-{0,2}([A-Za-z][\w.-]*)(?:=|:\s?))['"]?(?=[^\s'"$])/g;
const FLAG = /^--?([A-Za-z][\w.-]*)$/;

/**
 * Whether a word of a command line gives a credential, by itself or as what follows the flag that
 * is `previous`. A reference such as `$(HF_TOKEN)` is none.
 */
export function isCredentialWord(word: string, previous: unknown): boolean {
  const flag = typeof previous === 'string' ? FLAG.exec(previous)?.[1] : undefined;
  if (flag !== undefined && /^[^-$]/.test(word) && isCredentialName(flag)) return true;
  // Nearly every word is but a word, and this is far cheaper than looking for an assignment.
  if (!/[=:\s]/.test(word)) return false;
  for (const [, named = '', assigned = named] of word.matchAll(ASSIGNMENT)) {
    if (isCredentialName(assigned)) return true;
  }
  return false;
}

/** The credentials that a word gives within itself, without their names. */
export function findAssignedCredentials(word: string): string[] {
  return [...word.matchAll(ASSIGNMENT)].flatMap(({ 0: start, 1: flag, 2: assigned, index }) => {
    if (!isCredentialName(assigned ?? flag ?? '')) return [];
    const rest = word.slice(index + start.length);
    const quote = /['"]$/.exec(start)?.[0];
    if (quote !== undefined) return [rest.split(quote, 1)[0] ?? ''];
    // Whether a shell reads the word is not known.
    return [/^[^\s'"]*/, /^[^\s'";&|()]*/].flatMap((end) => end.exec(rest)?.[0] ?? []);
  });
}

/** The words of a command line, empty where one gives a credential. */
export function withoutCredentialWords(words: readonly string[]): string[] {
  return words.map((word, index) => (isCredentialWord(word, words[index - 1]) ? '' : word));
}
