import { readdirSync, readFileSync } from 'node:fs';
import { SETTINGS } from '@trainer/common';
import { expect, test } from 'vitest';

const table = readFileSync(new URL('../docs/SETTINGS.md', import.meta.url), 'utf8');
const rows = [...table.matchAll(/^\| `([A-Z0-9_]+)` \| (?:`([^`]+)` )?\|/gm)].map(
  ([, name = '', value]) => ({ name, value }),
);
const settings: Record<string, { schema: { parse(value: unknown): unknown } }> = SETTINGS;

test('the table of settings names every setting once, in the order of the code', () => {
  expect(rows.map(({ name }) => name)).toEqual(Object.keys(settings));
});

test.each(rows)('the table has the default of $name', ({ name, value }) => {
  const schema = settings[name]?.schema;
  // What it shows must mean the same as leaving the variable out.
  const shown = value === undefined ? undefined : schema?.parse(value);
  expect(shown).toEqual(schema?.parse(undefined));
});

const pages = readdirSync(new URL('../docs', import.meta.url))
  .filter((name) => name.endsWith('.md') && name !== 'SETTINGS.md')
  .map((name) => ({
    name,
    text: readFileSync(new URL(`../docs/${name}`, import.meta.url), 'utf8'),
  }));

test.each(pages)('docs/$name has no second table of settings', ({ text }) => {
  const cells = [...text.matchAll(/^\| (`[^|]+`) \|/gm)].map(([, cell = '']) => cell);
  const named = cells.map((cell) => cell.replaceAll(/[`\s]/g, '').split(','));
  expect(named.filter((names) => names.every((name) => name in settings))).toEqual([]);
});
