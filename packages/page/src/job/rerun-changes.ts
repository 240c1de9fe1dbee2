import type { Violation } from '../api/service-error.ts';

/** What was typed as changes of a request: undefined for none, or why it is no merge patch. */
export type ParsedChanges =
  | { readonly changes: Readonly<Record<string, unknown>> | undefined }
  | { readonly violation: Violation };

export const CHANGES_EXAMPLE = '{"tuning_parameters": {"learning_rate": 1e-4}}';

/** Reads a JSON object; a blank text is none. Nothing of a text that is no JSON is repeated. */
export function parseChanges(text: string): ParsedChanges {
  if (text.trim() === '') return { changes: undefined };
  const value = parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const message = `The changes must be a JSON object, such as ${CHANGES_EXAMPLE}.`;
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
