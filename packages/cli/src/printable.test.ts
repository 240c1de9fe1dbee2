import { expect, test } from 'vitest';
import { printable, toJson, toLine } from './printable.ts';
import { toColumns } from './table.ts';

const CSI = '\u009b';
const OVERRIDE = '\u202e';

test('a text keeps its lines, and loses what a terminal would obey', () => {
  expect(printable(`a\n\tb\u001b[2J${CSI}2J\u007f${OVERRIDE}\u2066c ü`)).toBe(
    'a\n\tb�[2J�2J���c ü',
  );
});

test('a line stays one', () => {
  expect(toLine(`a\r\nb\tc\u2028d\u0085e${CSI}`)).toBe('a b c d�e�');
});

test('JSON means the same, and has nothing that a terminal would obey', () => {
  const value = { [`key${CSI}`]: `\u001b\u007f\u0080\u009f${OVERRIDE}\u2069\n ü` };
  const [plain, indented] = [toJson(value), toJson(value, 2)];
  for (const text of [plain, indented]) {
    expect(JSON.parse(text)).toEqual(value);
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
    expect(text).toContain('ü');
  }
  expect(plain).toContain('"key\\u009b"');
  expect(indented.split('\n')).toHaveLength(3);
});

test('a cell makes no second row', () => {
  expect(toColumns([['a\nb', 'c']])).toEqual(['a b  c']);
});
