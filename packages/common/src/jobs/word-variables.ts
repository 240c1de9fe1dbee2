/** Which part of a command line a word belongs to. */
export type WordKind = 'COMMAND' | 'ARG';

const WORD_VARIABLE = /^TRAINING_(COMMAND|ARG)_\d+$/;

/** The variable that holds a word of a command line which gives a credential. */
export function toWordVariable(kind: WordKind, index: number): string {
  return `TRAINING_${kind}_${index}`;
}

/** Whether a variable holds such a word; no request may set one of this name itself. */
export function isWordVariable(name: string): boolean {
  return WORD_VARIABLE.test(name);
}
