import { errors } from '../errors.ts';
import { toPath } from './format-issue.ts';

/** Where something is in a text, both counted from 1. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
}

type NumberPlace = TextPlace & { readonly path: string };

export interface JsonFindings {
  /** Where the text stops being JSON; undefined for valid JSON. */
  readonly fault: TextPlace | undefined;
  /** Whole numbers that JavaScript would round, before the fault if there is one. */
  readonly roundedIntegers: readonly NumberPlace[];
  /** Numbers beyond 1.8e308, which JavaScript would write as null. */
  readonly infiniteNumbers: readonly NumberPlace[];
}

const BLANKS = /[ \t\n\r]*/y;
const TOKEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: JSON allows none of them in a text
  /[{}[\]:,]|"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.+-])|(?:true|false|null)(?!\w)/y;
/** Of each kind. */
const MAX_FINDINGS = 100;

interface FoundNumber {
  readonly path: string;
  readonly at: number;
}

interface Container {
  readonly isList: boolean;
  key: string | number;
}
type Expected =
  | 'value'
  | 'value or end'
  | 'key'
  | 'key or end'
  | 'colon'
  | 'comma or end'
  | 'nothing';

/**
 * What `JSON.parse` does not report about a text: the place of every kind of fault, without repeating
 * what stands there, and the numbers that JavaScript cannot hold. Walks without recursion.
 */
export function examineJson(text: string): JsonFindings {
  const containers: Container[] = [];
  const rounded: FoundNumber[] = [];
  const infinite: FoundNumber[] = [];
  let expected: Expected = 'value';
  let position = 0;

  const afterValue = (): Expected => (containers.length === 0 ? 'nothing' : 'comma or end');
  const toPlaces = (all: readonly FoundNumber[]): NumberPlace[] =>
    all.map(({ path, at }) => ({ path, ...toPlace(text, at) }));
  const toFindings = (fault: number | undefined): JsonFindings => ({
    fault: fault === undefined ? undefined : toPlace(text, fault),
    roundedIntegers: toPlaces(rounded),
    infiniteNumbers: toPlaces(infinite),
  });

  for (;;) {
    BLANKS.lastIndex = position;
    BLANKS.exec(text);
    position = BLANKS.lastIndex;
    if (position === text.length) return toFindings(expected === 'nothing' ? undefined : position);
    TOKEN.lastIndex = position;
    const token = TOKEN.exec(text)?.[0];
    if (token === undefined || !isExpected(token, expected, containers.at(-1))) {
      return toFindings(position);
    }
    const container = containers.at(-1);
    if (expected === 'key' || expected === 'key or end') {
      if (token === '}') {
        containers.pop();
        expected = afterValue();
      } else {
        if (container) container.key = JSON.parse(token) as string;
        expected = 'colon';
      }
    } else if (token === ':') expected = 'value';
    else if (token === ',') {
      if (container?.isList) container.key = Number(container.key) + 1;
      expected = container?.isList ? 'value' : 'key';
    } else if (token === '{') {
      containers.push({ isList: false, key: '' });
      expected = 'key or end';
    } else if (token === '[') {
      containers.push({ isList: true, key: 0 });
      expected = 'value or end';
    } else {
      if (token === '}' || token === ']') containers.pop();
      else {
        const found = isInfinite(token) ? infinite : isRounded(token) ? rounded : undefined;
        if (found && found.length < MAX_FINDINGS) {
          found.push({ path: toPath(containers.map(({ key }) => key)), at: position });
        }
      }
      expected = afterValue();
    }
    position += token.length;
  }
}

/**
 * Refuses valid JSON with an integer that `JSON.parse` has rounded.
 * @throws TrainerError INVALID_REQUEST with the path of each.
 */
export function assertExactIntegers(text: string): void {
  // Far cheaper than looking for one, and nearly always enough.
  if (!/\d{16}/.test(text)) return;
  const { roundedIntegers } = examineJson(text);
  if (roundedIntegers.length === 0) return;
  throw errors.invalid(
    roundedIntegers.map(({ path }) => ({
      path,
      message: `${path === '' ? 'The body' : path} is a whole number beyond 2^53, which would be rounded; send it as a text.`,
    })),
  );
}

function isInfinite(token: string): boolean {
  return /^-?\d/.test(token) && !Number.isFinite(Number(token));
}

/** An integer that is written as one; `1e20` is a number with a fraction to all who read it. */
function isRounded(token: string): boolean {
  return token.length > 15 && /^-?\d+$/.test(token) && !Number.isSafeInteger(Number(token));
}

function isExpected(token: string, expected: Expected, container: Container | undefined): boolean {
  const isEnd = token === (container?.isList ? ']' : '}');
  switch (expected) {
    case 'colon':
      return token === ':';
    case 'comma or end':
      return token === ',' || isEnd;
    case 'key':
      return token.startsWith('"');
    case 'key or end':
      return token.startsWith('"') || isEnd;
    case 'value or end':
      return isEnd || isStartOfValue(token);
    case 'value':
      return isStartOfValue(token);
    case 'nothing':
      return false;
  }
}

function isStartOfValue(token: string): boolean {
  return !/^[}\]:,]$/.test(token);
}

function toPlace(text: string, position: number): TextPlace {
  const before = text.slice(0, position);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: position - lineStart + 1 };
}
