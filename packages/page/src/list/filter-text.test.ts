import { describe, expect, it } from 'vitest';
import { findBadField, parseFilterText, writeFilterText } from './filter-text.ts';

describe('a line of filters', () => {
  it('is names and values', () => {
    const text = '  model=meta/llama  label[team]=ml created_after=2026-11-26T09:00:00Z ';
    expect(parseFilterText(text)).toEqual({
      fields: [
        ['model', 'meta/llama'],
        ['label[team]', 'ml'],
        ['created_after', '2026-11-26T09:00:00Z'],
      ],
    });
    expect(parseFilterText(' \n')).toEqual({ fields: [] });
  });

  it('is read as it was written', () => {
    const values = [
      'a',
      'a=b',
      'two words',
      '',
      'a"b',
      'back\\slash',
      'tab\tend',
      '{"a":1}',
      '\\"',
    ];
    const fields = values.map((value, index) => [`label[n${index}]`, value] as const);
    expect(parseFilterText(writeFilterText(fields))).toEqual({ fields });
  });

  it.each([
    ['llama', 'llama'],
    ['model=a llama model=b', 'llama'],
    ['model=', 'model='],
    ['=a', '=a'],
    ['model= a', 'model='],
    ['model="a', 'model="a'],
    ['model="a"b', 'model="a"b'],
    ['model="\\x"', 'model="\\x"'],
  ])('is refused where it is %j', (text, word) => {
    expect(parseFilterText(text)).toEqual({
      violation: `A filter is written name=value, such as model=llama or model="two words", which ${word} is not.`,
    });
  });
});

it('knows what can be filtered by', () => {
  expect(findBadField([])).toBeUndefined();
  const labels = [
    ['label[a]', 'x'],
    ['label[b]', 'x'],
  ] as const;
  expect(findBadField([['model', 'a'], ...labels])).toBeUndefined();
  expect(findBadField([['modl', 'a']])).toMatch(/^There is no filter modl: there are model, /);
  for (const name of ['label', 'label[]', 'limit', 'cursor', 'status', 'service']) {
    expect(findBadField([[name, 'a']])).toContain(`There is no filter ${name}:`);
  }
  expect(findBadField([...labels, ['label[a]', 'y']])).toBe(
    'The filter label[a] stands there twice.',
  );
});
