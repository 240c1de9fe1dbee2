/** A text of someone else, without what a terminal would obey; bidi controls show it in another order. */
export function printable(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/gu, '�');
}

/** As `printable`, in one line: what follows a line break could pass for a line of ours. */
export function toLine(text: string): string {
  return printable(text.replaceAll(/[\r\n\t\u2028\u2029]+/g, ' '));
}

/** JSON without what a terminal would obey: `JSON.stringify` escapes only some of that. */
export function toJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replaceAll(
    /[^\P{Cc}\n]|[\u202a-\u202e\u2066-\u2069]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
