import { REDACTED, replaceUrlSecrets } from '../requests/credentials.ts';

export const MAX_DETAIL_LENGTH = 500;
/** Words of ASCII with one blank between two: nearly every sentence of ours. */
const PLAIN = /^[!-~]+(?: [!-~]+)*$/;

/**
 * A text of others as one line of at most `maxLength` characters, without the user info and
 * queries of its URLs; fit for a status detail.
 */
export function toOneLine(text: string, maxLength = MAX_DETAIL_LENGTH): string {
  if (text.length <= maxLength && PLAIN.test(text) && !text.includes('://')) return text;
  // Cut first, so that the rest costs the same however much a container wrote, but not so closely
  // that half a URL would be taken for a harmless word.
  const visible = text
    .slice(0, 8 * maxLength)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: containers write them
    .replaceAll(/[\s\u0000-\u001f\u007f-\u009f]+/g, ' ')
    .trim();
  const safe = replaceUrlSecrets(visible, `${REDACTED}@`, `?${REDACTED}`);
  return safe.length <= maxLength ? safe : `${safe.slice(0, maxLength - 1).trimEnd()}…`;
}

/** The last lines of what a container wrote, each as it was apart from blanks. */
export function lastLines(text: string, count: number): string {
  return text
    .slice(-4096)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .slice(-count)
    .join(' / ');
}
