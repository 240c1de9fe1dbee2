import type { Violation } from '../api/service-error.ts';

/** What was typed as changes of a request: undefined for none, or why it is no merge patch. */
export type ParsedChanges =
  | { readonly changes: Readonly<Record<string, unknown>> | undefined }
  | { readonly violation: Violation };

export const CHANGES_EXAMPLE = '{"tuning_parameters": {"learning_rate": 1e-4}}';

/** Reads a JSON object whose numbers all stay as typed; a blank text is none. Nothing of a wrong text is repeated. */
export function parseChanges(text: string): ParsedChanges {
  if (text.trim() === '') return { changes: undefined };
  const value = parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const message = `The changes must be a JSON object, such as ${CHANGES_EXAMPLE}.`;
    return { violation: { path: 'changes', message } };
  }
  const lost = findLostNumber(text);
  if (lost !== undefined) {
    const message = `The changes hold ${lost}; write it as a text, in quotes.`;
    return { violation: { path: 'changes', message } };
  }
  return { changes: value as Readonly<Record<string, unknown>> };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const STRINGS = /"(?:[^"\\]|\\.)*"/g;
const NUMBERS = /-?\d[\d.eE+-]*/g;

/** What JavaScript cannot hold as it stands in a JSON text: the service would be sent another number. */
function findLostNumber(json: string): string | undefined {
  for (const [token] of json.replaceAll(STRINGS, '').matchAll(NUMBERS)) {
    const value = Number(token);
    if (!Number.isFinite(value)) return 'a number beyond 1.8e308, which would become null';
    if (/^-?\d+$/.test(token) && !Number.isSafeInteger(value)) {
      return 'a whole number beyond 2^53, which would be rounded';
    }
  }
  return undefined;
}
