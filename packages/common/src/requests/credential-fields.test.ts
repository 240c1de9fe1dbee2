import { expect, test } from 'vitest';
import { z } from 'zod';
import { collectCredentials, dropCredentials, findCredentialFields } from './credential-fields.ts';
import { credential } from './credential-mark.ts';
import { readShape } from './schema-shape.ts';

const FIELDS = findCredentialFields(
  readShape(
    z.object({
      plain: z.string(),
      token: credential(z.string()),
      env: credential(z.record(z.string(), z.string())),
      auth: z.object({ key: credential(z.string()), region: z.string() }),
      sources: z.array(z.object({ uri: z.string(), key: credential(z.string()) })),
    }),
  ),
);

test('marked fields are left out at any depth, and of a map the names stay', () => {
  const value = {
    plain: 'a',
    nothing: undefined,
    token: 'S1',
    env: { A: 'S2', B: 'S3' },
    auth: { key: 'S4', region: 'r' },
    sources: [{ uri: 'u', key: 'S5' }, null, 'text'],
  };
  expect(dropCredentials(value, FIELDS)).toStrictEqual({
    plain: 'a',
    env_names: ['A', 'B'],
    auth: { region: 'r' },
    sources: [{ uri: 'u' }, null, 'text'],
  });
});

test('an object that held credentials alone goes, one that was empty stays', () => {
  expect(dropCredentials({ auth: { key: 'S' }, plain: {} }, FIELDS)).toStrictEqual({ plain: {} });
  expect(dropCredentials({ auth: 'S?' }, FIELDS)).toStrictEqual({ auth: 'S?' });
  expect(dropCredentials({ sources: [] }, FIELDS)).toStrictEqual({ sources: [] });
});

test('names of a map are kept only where they are wanted', () => {
  const withoutNames = (value: unknown) => dropCredentials(value, FIELDS, { keepsNames: false });
  expect(withoutNames({ env: { A: 'S' } })).toStrictEqual({});
  // Of something else than a map there are none.
  expect(dropCredentials({ env: ['S'], token: null }, FIELDS)).toStrictEqual({});
});

test('what is no object has no fields', () => {
  for (const value of [null, undefined, 'text', 7]) {
    expect(dropCredentials(value, FIELDS)).toBe(value);
    expect(collectCredentials(value, FIELDS)).toEqual([]);
  }
  expect(dropCredentials({ token: 'a' }, undefined)).toEqual({ token: 'a' });
});

test('every marked text is collected, of a map with its name', () => {
  const value = {
    plain: 'a',
    token: 'S1',
    env: { A: 'S2', B: 7 },
    auth: { key: 'S3' },
    sources: [{ key: 'S4' }, { key: null }, null],
  };
  const found = collectCredentials(value, FIELDS);
  expect(found.map(({ text, variable }) => [text, variable])).toEqual([
    ['S1', undefined],
    ['S2', 'A'],
    ['S3', undefined],
    ['S4', undefined],
  ]);
  expect(collectCredentials({ env: ['S'], token: {} }, FIELDS)).toEqual([]);
});
