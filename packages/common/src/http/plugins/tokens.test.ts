import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Tokens } from './tokens.ts';

let folder: string;
let file: string;

const isGood = (tokens: Tokens, token: string) => tokens.callerOf(token)?.mayWrite === true;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tokens-'));
  file = join(folder, 'token');
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('tokens of the environment', () => {
  test('are all accepted, and nothing else is', () => {
    const tokens = new Tokens({ tokens: ['old', 'new'], tokenFile: undefined });
    expect(tokens.isOpen).toBe(false);
    expect(['old', 'new'].every((token) => isGood(tokens, token))).toBe(true);
    for (const wrong of ['', 'ol', 'old ', 'OLD', 'old,new', 'x'.repeat(100_000)]) {
      expect(isGood(tokens, wrong)).toBe(false);
    }
  });

  test('that are none leave the service open', () => {
    const tokens = new Tokens({ tokens: [], tokenFile: undefined });
    expect(tokens.isOpen).toBe(true);
    expect(isGood(tokens, '')).toBe(false);
  });
});

test('tokens that read are told apart from those that are good for everything', () => {
  const tokens = new Tokens({ tokens: ['all'], tokenFile: undefined, readTokens: ['see', 'look'] });
  expect(['all', 'see', 'look', 'other'].map((token) => tokens.mayRead(token))).toEqual([
    ...[true, true, true, false],
  ]);
  expect(['all', 'see', 'look'].map((token) => isGood(tokens, token))).toEqual([
    true,
    false,
    false,
  ]);
  expect(['all', 'see', 'look', 'other'].map((token) => tokens.callerOf(token)?.name)).toEqual([
    ...['token-1', 'reader-1', 'reader-2', undefined],
  ]);
});

describe('a token file', () => {
  test('holds one token, or several', () => {
    writeFileSync(file, 'a,b\nc\n\n');
    const tokens = new Tokens({ tokens: ['env'], tokenFile: file });
    expect(['a', 'b', 'c', 'env'].every((token) => isGood(tokens, token))).toBe(true);
    expect(isGood(tokens, '')).toBe(false);
    expect(tokens.isOpen).toBe(false);
  });

  test.each([
    ['missing', undefined],
    ['empty', ''],
    ['blank', ' \n,'],
  ])('that is %s stops the start with its name', (_, content) => {
    if (content !== undefined) writeFileSync(file, content);
    expect(() => new Tokens({ tokens: [], tokenFile: file })).toThrow('TRAINER_API_TOKEN_FILE is');
  });

  test('is read again when it changes', () => {
    writeFileSync(file, 'old');
    const tokens = new Tokens({ tokens: [], tokenFile: file });
    expect(isGood(tokens, 'new')).toBe(false);
    writeFileSync(file, 'newer');
    expect(isGood(tokens, 'newer')).toBe(true);
    expect(isGood(tokens, 'old')).toBe(false);
  });

  test('is read again when a mounted Secret changes its link', () => {
    const mount = (name: string, token: string) => {
      writeFileSync(join(folder, name), token);
      symlinkSync(name, join(folder, 'link'));
      renameSync(join(folder, 'link'), file);
    };
    mount('first', 'aaa');
    const tokens = new Tokens({ tokens: [], tokenFile: file });
    mount('second', 'bbb');
    expect(isGood(tokens, 'bbb')).toBe(true);
    expect(isGood(tokens, 'aaa')).toBe(false);
  });

  test.each([
    ['is empty for a moment', () => writeFileSync(file, '')],
    ['is gone for a moment', () => rmSync(file)],
  ])('locks nobody out, nor lets anybody in, while it %s', (_, disturb) => {
    writeFileSync(file, 'token');
    const tokens = new Tokens({ tokens: [], tokenFile: file });
    disturb();
    expect(isGood(tokens, 'token')).toBe(true);
    expect(isGood(tokens, '')).toBe(false);
    expect(tokens.isOpen).toBe(false);
    writeFileSync(file, 'another');
    expect(isGood(tokens, 'another')).toBe(true);
    expect(isGood(tokens, 'token')).toBe(false);
  });
});

describe('a file with tokens that read', () => {
  const readersOf = (names: string[] = []) =>
    new Tokens({
      ...{ tokens: ['all'], tokenFile: undefined, readTokens: ['env'] },
      ...{ readTokensFile: file, readTokenNames: names },
    });

  test('adds to those of the environment, each with its name', () => {
    writeFileSync(file, 'a,all\n');
    const tokens = readersOf(['dashboard']);
    const all = { name: 'token-1', mayWrite: true };
    expect(['env', 'a', 'all'].map((token) => tokens.callerOf(token))).toEqual([
      { name: 'dashboard', mayWrite: false },
      { name: 'reader-2', mayWrite: false },
      all,
    ]);
  });

  test.each([
    ['another one', () => writeFileSync(file, 'b')],
    ['nothing', () => writeFileSync(file, '')],
    ['no file any more', () => rmSync(file)],
  ])('withdraws them: there is %s', (_, withdraw) => {
    writeFileSync(file, 'a');
    const tokens = readersOf();
    expect(tokens.mayRead('a')).toBe(true);
    withdraw();
    expect(['a', 'env', 'all'].map((token) => tokens.mayRead(token))).toEqual([false, true, true]);
  });

  test('may come later', () => {
    const tokens = readersOf();
    expect(tokens.mayRead('a')).toBe(false);
    writeFileSync(file, 'a');
    expect(tokens.mayRead('a')).toBe(true);
  });
});
