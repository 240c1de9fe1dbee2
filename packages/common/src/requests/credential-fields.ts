import type { CredentialMark } from './credential-mark.ts';
import { isRecord, type Json } from './is-record.ts';
import type { SchemaShape } from './schema-shape.ts';

/** Where a schema's credentials are: its shape without all that holds none. */
export interface CredentialFields {
  readonly marks: ReadonlyMap<string, CredentialMark>;
  readonly inside: ReadonlyMap<string, CredentialFields>;
  /** Those of the elements, where the value is a list. */
  readonly element: CredentialFields | undefined;
}

/** Finds the marked fields; undefined where there are none. */
export function findCredentialFields(shape: SchemaShape): CredentialFields | undefined {
  const marks = new Map<string, CredentialMark>();
  const inside = new Map<string, CredentialFields>();
  for (const [key, child] of shape.fields) {
    if (child.credential !== undefined) marks.set(key, child.credential);
    else {
      const found = findCredentialFields(child);
      if (found !== undefined) inside.set(key, found);
    }
  }
  const element = shape.element && findCredentialFields(shape.element);
  if (marks.size === 0 && inside.size === 0 && element === undefined) return undefined;
  return { marks, inside, element };
}

/** The names of all marked fields, wherever they stand. */
export function namesOf(fields: CredentialFields | undefined): string[] {
  if (fields === undefined) return [];
  const below = [...fields.inside.values(), fields.element].flatMap(namesOf);
  return [...fields.marks.keys(), ...below];
}

/**
 * A copy of `value` without its marked fields. Of a marked map the names may stay, as `<field>_names`;
 * an object that held nothing but credentials goes as a whole.
 */
export function dropCredentials(
  value: unknown,
  fields: CredentialFields | undefined,
  { keepsNames = true }: { readonly keepsNames?: boolean } = {},
): unknown {
  if (fields === undefined || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    return value.map((item) => dropCredentials(item, fields.element, { keepsNames }));
  }
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const child = (value as Json)[key];
    if (child === undefined) continue;
    if (fields.marks.has(key)) {
      if (keepsNames && isRecord(child)) copy[`${key}_names`] = Object.keys(child);
      continue;
    }
    const rest = dropCredentials(child, fields.inside.get(key), { keepsNames });
    const isEmptied = rest !== child && isRecord(rest) && Object.keys(rest).length === 0;
    if (!isEmptied) copy[key] = rest;
  }
  return copy;
}

/** A marked text of a value: of a map, or of a list of names and values, with its name there. */
export interface CredentialText {
  readonly text: string;
  readonly mark: CredentialMark;
  readonly variable: string | undefined;
}

/** Every text that stands in a marked field of `value`. */
export function collectCredentials(
  value: unknown,
  fields: CredentialFields | undefined,
  found: CredentialText[] = [],
): CredentialText[] {
  if (fields === undefined || typeof value !== 'object' || value === null) return found;
  if (Array.isArray(value)) {
    for (const item of value) collectCredentials(item, fields.element, found);
    return found;
  }
  const given = value as Json;
  for (const [key, mark] of fields.marks) {
    const child = given[key];
    if (typeof child === 'string') found.push({ text: child, mark, variable: undefined });
    else if (isRecord(child)) {
      for (const [variable, text] of Object.entries(child)) {
        if (typeof text === 'string') found.push({ text, mark, variable });
      }
    } else if (Array.isArray(child)) {
      // As a request may write them, before it is normalised.
      for (const { name, value: text } of child.filter(isRecord)) {
        if (typeof name === 'string' && typeof text === 'string') {
          found.push({ text, mark, variable: name });
        }
      }
    }
  }
  for (const [key, inner] of fields.inside) collectCredentials(given[key], inner, found);
  return found;
}
