import type { z } from 'zod';
import type { Violation } from '../errors.ts';

type Issue = z.core.$ZodIssue;

/** A violation for one zod issue. Given values are never repeated: a misplaced one may be a secret. */
export function toViolation(issue: Issue): Violation {
  const path = toPath(issue.path);
  const subject = path === '' ? 'The body' : path;
  return { path, message: `${subject} ${describe(issue)}.` };
}

/** `['datasets', 0, 'format']` as `datasets[0].format`. */
export function toPath(segments: readonly PropertyKey[]): string {
  let path = '';
  for (const segment of segments) {
    if (typeof segment === 'number') path += `[${segment}]`;
    else path += `${path === '' ? '' : '.'}${shorten(String(segment))}`;
  }
  return path;
}

function describe(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return describeType(issue);
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return describeBound(issue.origin, 'least', issue.minimum, issue.inclusive !== false);
    case 'too_big':
      return describeBound(issue.origin, 'most', issue.maximum, issue.inclusive !== false);
    case 'invalid_key':
    case 'invalid_element':
      return 'holds a key or an element that is not allowed there';
    case 'unrecognized_keys':
      return `must hold no key named ${issue.keys.map(shorten).join(' or ')}`;
    case 'invalid_format':
      // zod's own sentence would show a regular expression.
      return issue.message.startsWith('Invalid') ? 'must be written otherwise' : issue.message;
    default:
      return issue.message;
  }
}

const TYPE_NAMES: Record<string, string> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a JSON object',
  record: 'a JSON object',
};

function describeType(issue: z.core.$ZodIssueInvalidType): string {
  if (!issue.message.startsWith('Invalid')) return issue.message;
  const expected = TYPE_NAMES[issue.expected] ?? issue.expected;
  // zod drops the input of finished issues; its message says when nothing was given.
  if (issue.message.endsWith('received undefined')) return `is required and must be ${expected}`;
  return `must be ${expected}`;
}

function describeBound(
  origin: string,
  side: 'least' | 'most',
  bound: number | bigint,
  inclusive: boolean,
): string {
  if (!inclusive) return `must be ${side === 'least' ? 'greater' : 'less'} than ${bound}`;
  if (origin === 'string') {
    if (side === 'least' && Number(bound) === 1) return 'must not be empty';
    return `must be at ${side} ${count(bound, 'character')} long`;
  }
  if (origin === 'array') {
    return `must hold at ${side} ${count(bound, 'element')}`;
  }
  return `must be at ${side} ${bound}`;
}

function count(bound: number | bigint, noun: string): string {
  return `${bound} ${noun}${Number(bound) === 1 ? '' : 's'}`;
}

/** Keys are the caller's own texts: a very long one would drown the sentence. */
function shorten(key: string): string {
  return key.length > 80 ? `${key.slice(0, 80)}…` : key;
}
