import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assertExactIntegers, examineJson } from './json-text.ts';

const isJson = (text: string) => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

describe('the place of a fault', () => {
  test.each<[string, string, number, number]>([
    ['a missing comma', '{\n  "a": 1\n  "b": 2\n}', 3, 3],
    ['a comment', '{\n  // why\n  "a": 1\n}', 2, 3],
    ['a Python dict', "{'a': True}", 1, 2],
    ['a Python constant', '{"a": True}', 1, 7],
    ['a trailing comma', '{"a": [1,\n]}', 2, 1],
    ['a missing value', '{"a": }', 1, 7],
    ['an end that is missing', '{"a": 1', 1, 8],
    ['the wrong bracket', '{"a": [1}', 1, 9],
    ['two values', '{} {}', 1, 4],
    ['a number that is none', '{"a": 01}', 1, 7],
    ['a text without end', '{"a": "x\n"}', 1, 7],
    ['a constant that JSON lacks', '{"a": NaN}', 1, 7],
  ])('%s', (_, text, line, column) => {
    expect(isJson(text)).toBe(false);
    expect(examineJson(text).fault).toEqual({ line, column });
  });

  test('is found where JSON.parse fails, and nowhere else', () => {
    const broken = fc
      .tuple(fc.json(), fc.nat(), fc.constantFrom('', '"', '{', ']', ',', ':', '1', '\\', ' '))
      .map(([text, at, inserted]) => {
        const cut = at % (text.length + 1);
        return text.slice(0, cut) + inserted + text.slice(cut + (inserted === '' ? 1 : 0));
      });
    fc.assert(
      fc.property(fc.oneof(fc.json(), broken), (text) => {
        expect(examineJson(text).fault === undefined).toBe(isJson(text));
      }),
      { numRuns: 2000 },
    );
  });

  test('is found at any depth', () => {
    expect(examineJson('['.repeat(200_000)).fault).toEqual({ line: 1, column: 200_001 });
  });
});

describe('integers that JavaScript rounds', () => {
  test('are found with their paths', () => {
    const text = `{
      "a": 9007199254740991,
      "b": 9007199254740993,
      "c": [0, -9007199254740993, {"d-e": 123456789012345678901234567890}],
      "f": "9007199254740993",
      "9007199254740993": 1
    }`;
    expect(examineJson(text).roundedIntegers).toEqual([
      { path: 'b', line: 3, column: 12 },
      { path: 'c[1]', line: 4, column: 16 },
      { path: 'c[2].d-e', line: 4, column: 43 },
    ]);
  });

  test.each(['1e20', '9007199254740993.5', '0.12345678901234567', '-0', '1E+308'])(
    '%s is none',
    (text) => {
      expect(examineJson(`[${text}]`)).toEqual({
        fault: undefined,
        roundedIntegers: [],
        infiniteNumbers: [],
      });
    },
  );

  test.each(['1E+400', '-1e309', '1'.repeat(400)])('a number beyond all is found: %s', (text) => {
    expect(examineJson(`{\n  "a": [0, ${text}]}`)).toEqual({
      fault: undefined,
      roundedIntegers: [],
      infiniteNumbers: [{ path: 'a[1]', line: 2, column: 12 }],
    });
  });
});

describe('a body', () => {
  const refusalOf = (text: string) => {
    try {
      assertExactIntegers(text);
      return undefined;
    } catch (error) {
      return (error as { violations?: unknown }).violations;
    }
  };

  test.each(['{"a": 1}', '{"a": 9007199254740991}', '{"a": "90071992547409930000"}', '[1e30]'])(
    '%s loses nothing',
    (text) => {
      expect(refusalOf(text)).toBeUndefined();
    },
  );

  test('is refused with the path of each integer that would be rounded', () => {
    const sentence = 'is a whole number beyond 2^53, which would be rounded; send it as a text.';
    expect(refusalOf('{"a": {"b": [9007199254740993]}, "c": -9007199254740993}')).toEqual([
      { path: 'a.b[0]', message: `a.b[0] ${sentence}` },
      { path: 'c', message: `c ${sentence}` },
    ]);
    expect(refusalOf('9007199254740993')).toEqual([{ path: '', message: `The body ${sentence}` }]);
  });

  test('names no more of them than a person reads', () => {
    const { roundedIntegers } = examineJson(`[${Array(500).fill('9007199254740993').join()}]`);
    expect(roundedIntegers).toHaveLength(100);
  });

  test('names those of one kind however many there are of the other', () => {
    const [rounded, infinite] = ['9007199254740993', '1e400'];
    const both = (one: string, other: string) =>
      examineJson(`[${[...Array(150).fill(one), other].join()}]`);
    expect(both(rounded, infinite).infiniteNumbers).toMatchObject([{ path: '[150]' }]);
    expect(both(infinite, rounded).roundedIntegers).toMatchObject([{ path: '[150]' }]);
  });
});
