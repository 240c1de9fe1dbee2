import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { REQUEST_FORMAT } from './parse-training-request.ts';
import type { SchemaShape } from './schema-shape.ts';

interface Effect {
  readonly effect: string;
  readonly how: string;
}

const url = new URL('../../../../runtime/settings.json', import.meta.url);
const { fields } = JSON.parse(readFileSync(url, 'utf8')) as {
  readonly fields: Readonly<Record<string, Readonly<Record<string, Effect>>>>;
};
const told = Object.keys(fields);

/** The paths of a schema's values as clients write them, `[]` for each element of a list. */
function pathsOf({ fields: children, element }: SchemaShape, path = ''): string[] {
  // What the table tells as a whole, such as a pod's own fields, has no further rows.
  if (Object.hasOwn(fields, path)) return [path];
  if (element !== undefined && element.fields.size > 0) return pathsOf(element, `${path}[]`);
  if (children.size === 0) return [path];
  return [...children].flatMap(([key, child]) => pathsOf(child, path ? `${path}.${key}` : key));
}

test('the table of the runtime tells of every field of the schema, and of no other', () => {
  expect(told.toSorted()).toEqual(pathsOf(REQUEST_FORMAT.shape).toSorted());
});

test('it says for each engine what becomes of a field', () => {
  for (const path of told) {
    expect(Object.keys(fields[path] ?? {}), path).toEqual(['trl', 'unsloth', 'nemo']);
    for (const { effect, how } of Object.values(fields[path] ?? {})) {
      expect(['used', 'warned', 'service', 'refused'], path).toContain(effect);
      expect(how, path).not.toBe('');
    }
  }
});
