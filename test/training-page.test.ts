import { readFileSync } from 'node:fs';
import { REASONS } from '@trainer/common/testing/internals';
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
  expect(module, 'it is stale: npm run runtime-table').toBe(describeRuntimeTable(settings));
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
