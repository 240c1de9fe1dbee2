import { isCredentialName } from './credential-names.ts';

/** `--api-key=X`, `HF_TOKEN=X`, `Authorization: Bearer X`, also inside a text for a shell. */
const ASSIGNMENT =
  /(?<=^|[\s;'"(])(?:--?([A-Za-z][\w.-]*)\s+(?!-)|-{0,2}([A-Za-z][\w.-]*)(?:=|:\s?))(?:['"]?(?:Bearer|Basic|Token) +)?['"]?(?=[^\s'"$])/g;
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

/**
 * The credentials that a word gives within itself, without their names. All of them together are at
 * most a few times as long as the word.
 */
export function findAssignedCredentials(word: string): string[] {
  const found: string[] = [];
  let end = 0;
  for (const { 0: start, 1: flag, 2: assigned, index } of word.matchAll(ASSIGNMENT)) {
    if (!isCredentialName(assigned ?? flag ?? '')) continue;
    const from = index + start.length;
    const quote = /['"]$/.exec(start)?.[0];
    const close = quote === undefined ? -1 : word.indexOf(quote, from);
    if (close >= 0) {
      found.push(word.slice(from, close));
      continue;
    }
    const rest = word.slice(from);
    found.push(/^[^\s'";&|()]*/.exec(rest)?.[0] ?? '');
    // Where no shell reads the word, its first assignment takes all up to a blank.
    if (from < end) continue;
    const all = /^[^\s'"]*/.exec(rest)?.[0] ?? '';
    found.push(all);
    end = from + all.length;
  }
  return found;
}

/** The words of a command line, empty where one gives a credential. */
export function withoutCredentialWords(words: readonly string[]): string[] {
  return words.map((word, index) => (isCredentialWord(word, words[index - 1]) ? '' : word));
}
