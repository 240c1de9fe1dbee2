import { toOneLine } from '../jobs/outside-text.ts';

/** Temporary causes, wherever in a chain of messages they are named. */
const PASSING =
  /failed calling webhook|context deadline exceeded|connection refused|connection reset|no endpoints available|object has been modified|operation cannot be fulfilled|too many requests|etcdserver|informer to sync|unable to create new content in namespace|is being (deleted|terminated)|status unknown for quota|only one reference can have controller|service unavailable|internal server error|EOF$/i;
/** As the API server and Go's network say it, since a policy may be about time-outs, too. */
const TIMED_OUT =
  /\bTimeout: |\b(i\/o|TLS handshake) timeout\b|\bClient\.Timeout\b|\btimed out waiting\b|\brequest timed out\b/;
/** Names and texts of others. */
const QUOTED = /"(?:[^"\\]|\\.)*"|'[^'\s]*'/g;
const QUOTA =
  /exceeded quota: ([^\s,]+), requested: (.+?), used: (.+?), limited: (.+?)(?=$|\]|; )/s;

/** Whether the obstacle is expected to go away without anyone's help. */
export function hasPassingCause(message: string): boolean {
  const words = withoutValues(message).replaceAll(QUOTED, '""');
  return PASSING.test(words) || TIMED_OUT.test(words);
}

/** A full quota as one sentence; undefined when `message` is about something else. */
export function quotaSentence(message: string): string | undefined {
  const found = QUOTA.exec(message);
  if (found === null) return undefined;
  const [, name, requested, used, limited] = found;
  return toOneLine(
    `The quota ${name} is exceeded: requested ${requested}, used ${used}, limited to ${limited}`,
  );
}

/**
 * A refusal in the cluster's own words, without the wrapping and without the refused values, which
 * may be anything that a request held.
 */
export function toRefusalSentence(message: string): string {
  const quota = quotaSentence(message);
  if (quota !== undefined) return quota;
  const inner = message
    .replace(/^admission webhook "[^"]*" denied the request: /, '')
    .replace(/^[\w.-]+ "[^"]*" is (invalid|forbidden): /, '')
    .replace(/^\[(.*)\]$/s, '$1');
  return toOneLine(`The cluster refuses the job: ${withoutValues(inner).replace(/[.\s]+$/, '')}.`);
}

const VALUE = /(?:Invalid|Unsupported|Duplicate) value: /;

/** Drops `Invalid value: …: `, whose value is JSON, a quoted text or a bare word. */
function withoutValues(message: string): string {
  const found = VALUE.exec(message);
  if (found === null) return message;
  const start = found.index + found[0].length;
  const end = endOfValue(message, start);
  const rest = message.slice(end).replace(/^: /, '');
  return message.slice(0, found.index) + withoutValues(rest);
}

function endOfValue(text: string, start: number): number {
  let depth = 0;
  let isQuoted = false;
  for (let index = start; index < text.length; index += 1) {
    const char = text[index];
    if (isQuoted) {
      if (char === '\\') index += 1;
      else if (char === '"') isQuoted = false;
    } else if (char === '"') isQuoted = true;
    else if (char === '{' || char === '[') depth += 1;
    else if (char === '}' || char === ']') depth -= 1;
    else if (depth === 0 && (char === ':' || char === ',')) return index;
  }
  return text.length;
}
