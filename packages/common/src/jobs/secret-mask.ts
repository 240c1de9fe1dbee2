import { isCredentialName } from '../requests/credential-names.ts';
import { REDACTED } from '../requests/credentials.ts';
import { SecretStream } from './secret-stream.ts';

/** Shorter values, such as `1`, `true` or `INFO`, would be found in harmless texts. */
const MIN_LENGTH = 8;
/** Under a name that says nothing, only what looks like a token counts. */
const MIN_UNNAMED_LENGTH = 20;
/** What is left of a value where a text was cut; less of it is found by chance. */
const MIN_CUT_LENGTH = 6;
/** Longer ones are found part by part, since no engine takes a pattern of any length. */
const MAX_PART_LENGTH = 1024;
/** With more values, what finds them takes seconds to make: nothing is shown then. */
const MAX_VALUES = 2000;
const SYNTAX = /[\\^$.*+?()[\]{}|]/g;
/** Credentials by their variables' names, which those of a request's own fields do not match. */
const CREDENTIAL_VARIABLE = /(^|_)(ACCESS_KEY_ID|USERNAME)$/;
/** These identify and admit nobody. */
const PUBLIC_VARIABLE = /(^|_)(AWS_REGION|AWS_ROLE_ARN)$/;

/**
 * Takes a job's credentials out of what its processes wrote: as they are, as JSON or a URL escapes
 * them, and inside base64. Whole values are found, and what a cut at either end left of one.
 */
export class SecretMask {
  /** What it looks for, the longest first. */
  readonly forms: readonly string[];
  readonly #pattern: RegExp | undefined;

  /**
   * `variables` are values by the names of the variables that hold them, of which only some are
   * secret; `credentials` are secret by where they come from.
   */
  constructor(variables: Readonly<Record<string, string>>, credentials: readonly string[] = []) {
    const named = Object.entries(variables)
      .filter(([name, value]) => isToBeMasked(name, value))
      .map(([, value]) => value);
    const known = credentials.filter(({ length }) => length >= MIN_LENGTH);
    const all = [...named, ...known].flatMap((value) => [value, ...linesOf(value)]);
    const values = new Set(all.flatMap(partsOf));
    const isTooMuch = values.size > MAX_VALUES;
    // The longest first, since one may be a part of another.
    const forms = new Set(isTooMuch ? [] : [...values].flatMap(formsOf));
    this.forms = [...forms].sort((a, b) => b.length - a.length);
    const pattern = this.forms.map((form) => form.replaceAll(SYNTAX, '\\$&')).join('|');
    if (isTooMuch) this.#pattern = /.+/gs;
    else if (pattern !== '') this.#pattern = new RegExp(pattern, 'g');
  }

  /** For a text that comes in pieces, of which whole values are found; undefined where there are none. */
  openStream(): SecretStream | undefined {
    return this.#pattern && new SecretStream(this.#pattern, this.forms[0]?.length ?? 0);
  }

  apply(text: string): string {
    if (this.#pattern === undefined) return text;
    const whole = text.replaceAll(this.#pattern, REDACTED);
    const head = longest(this.forms, (form) => cutAtStart(whole, form));
    const tail = longest(this.forms, (form) => cutAtEnd(whole, form));
    if (head + tail >= whole.length && head + tail > 0) return REDACTED;
    return [
      head > 0 ? REDACTED : '',
      whole.slice(head, whole.length - tail),
      tail > 0 ? REDACTED : '',
    ].join('');
  }
}

/** Whether the value of a variable is secret, by the name and by what it looks like. */
export function isToBeMasked(name: string, value: string): boolean {
  if (PUBLIC_VARIABLE.test(name)) return false;
  if (isCredentialName(name) || CREDENTIAL_VARIABLE.test(name)) return value.length >= MIN_LENGTH;
  return value.length >= MIN_UNNAMED_LENGTH && !/\s/.test(value);
}

/** A key of many lines may be printed line by line. */
function linesOf(value: string): string[] {
  return value
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line.length >= MIN_LENGTH);
}

/** The value, or parts of about the same length that make it up. */
function partsOf(value: string): string[] {
  const count = Math.ceil(value.length / MAX_PART_LENGTH);
  const length = Math.ceil(value.length / count);
  return Array.from({ length: count }, (_, index) =>
    value.slice(index * length, (index + 1) * length),
  ).filter((part) => part.length >= MIN_LENGTH);
}

function formsOf(value: string): string[] {
  const url = encodeURIComponent(value.toWellFormed());
  return [
    value,
    JSON.stringify(value).slice(1, -1),
    url,
    url.replaceAll('%20', '+'),
    url.replaceAll(/%[0-9A-F]{2}/g, (octet) => octet.toLowerCase()),
    ...base64FormsOf(value),
  ];
}

/** What base64 of a text with the value inside has in common, wherever in it the value begins. */
function base64FormsOf(value: string): string[] {
  const bytes = Buffer.from(value);
  return [0, 1, 2].flatMap((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
    // Six bits a character: those at the ends also depend on what stands beside the value.
    const from = Math.ceil((offset * 8) / 6);
    const to = Math.floor(((offset + bytes.length) * 8) / 6);
    const form = text.slice(from, to);
    return [form, form.replaceAll('+', '-').replaceAll('/', '_')];
  });
}

/** How much of the text's start is the end of `form`. */
function cutAtStart(text: string, form: string): number {
  for (let length = Math.min(form.length - 1, text.length); length >= MIN_CUT_LENGTH; length -= 1) {
    if (text.startsWith(form.slice(-length))) return length;
  }
  return 0;
}

/** How much of the text's end is the start of `form`. */
function cutAtEnd(text: string, form: string): number {
  for (let length = Math.min(form.length - 1, text.length); length >= MIN_CUT_LENGTH; length -= 1) {
    if (text.endsWith(form.slice(0, length))) return length;
  }
  return 0;
}

function longest(forms: readonly string[], measure: (form: string) => number): number {
  return forms.reduce((most, form) => Math.max(most, measure(form)), 0);
}
