import { readFileSync } from 'node:fs';
import { REASONS } from '@trainer/common/testing/internals';
import { services } from '@trainer/services';
import { expect, test } from 'vitest';
import { describeRuntimeTable, readRuntimeSettings } from '../scripts/describe-runtime-table.ts';

const settings = await readRuntimeSettings();
const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const page = read('docs/TRAINING.md');
const rows = new Map(
  [...page.matchAll(/^\| `([^`|]+)` \| (.+) \|$/gm)].map(([, name = '', rest = '']) => [
    name,
    rest.split(' | '),
  ]),
);

test("the services' part of the runtime's table is fresh", () => {
  const module = read('packages/common/src/requests/runtime-table.ts');
  expect(module, 'it is stale: npm run runtime:table').toBe(describeRuntimeTable(settings));
});

test('docs/TRAINING.md tells of every field what each engine does with it', () => {
  for (const [path, engines] of Object.entries(settings.fields)) {
    const effects = Object.values(engines).map(({ effect }) => effect);
    expect(rows.get(path)?.slice(0, 3), path).toEqual(effects);
  }
});

test('it has a row for each further tuning parameter, PEFT key and end', () => {
  for (const name of [
    ...Object.keys(settings.tuning_parameters),
    ...Object.keys(settings.peft_config),
    ...Object.keys(settings.reasons),
  ]) {
    expect(rows.has(name), name).toBe(true);
  }
});

test('each code of the runtime is a reason of its own, and INTERNAL is TRAINING_FAILED', () => {
  const codes = Object.keys(settings.reasons).filter((code) => code !== 'INTERNAL');
  expect(REASONS).toEqual(expect.arrayContaining(codes));
  expect(codes.length).toBeGreaterThan(10);
});

type Shape = (typeof services)[number]['backend']['format']['shape'];

/** The paths of a schema's values as clients write them, `[]` for each element of a list. */
function pathsOf({ fields, element }: Shape, path = ''): string[] {
  // What the table tells as a whole, such as a pod's own fields, has no further rows.
  if (Object.hasOwn(settings.fields, path)) return [path];
  if (element !== undefined && element.fields.size > 0) return pathsOf(element, `${path}[]`);
  if (fields.size === 0) return [path];
  return [...fields].flatMap(([key, child]) => pathsOf(child, path ? `${path}.${key}` : key));
}

test.each(services)(
  'the table of the runtime tells of every field that $name takes, and of no other',
  ({ backend }) => {
    const told = Object.keys(settings.fields);
    expect(told.toSorted()).toEqual(pathsOf(backend.format.shape).toSorted());
  },
);

test('it says for each engine what becomes of a field', () => {
  for (const [path, engines] of Object.entries(settings.fields)) {
    expect(Object.keys(engines), path).toEqual(['trl', 'unsloth', 'nemo']);
    for (const { effect, how } of Object.values(engines)) {
      expect(['used', 'warned', 'service', 'refused'], path).toContain(effect);
      expect(how, path).not.toBe('');
    }
  }
});
