import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Tokens } from './tokens.ts';

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tokens-'));
  file = join(folder, 'token');
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('tokens of the environment', () => {
  test('are all accepted, and nothing else is', () => {
    const tokens = new Tokens({ tokens: ['old', 'new'], tokenFile: undefined });
    expect(tokens.isOpen).toBe(false);
    expect(['old', 'new'].every((token) => tokens.includes(token))).toBe(true);
    for (const wrong of ['', 'ol', 'old ', 'OLD', 'old,new', 'x'.repeat(100_000)]) {
      expect(tokens.includes(wrong)).toBe(false);
    }
  });

  test('that are none leave the service open', () => {
    const tokens = new Tokens({ tokens: [], tokenFile: undefined });
    expect(tokens.isOpen).toBe(true);
    expect(tokens.includes('')).toBe(false);
  });
});

test('tokens that read are told apart from those that are good for everything', () => {
  const tokens = new Tokens({ tokens: ['all'], tokenFile: undefined, readTokens: ['see', 'look'] });
  expect(['all', 'see', 'look', 'other'].map((token) => tokens.mayRead(token))).toEqual([
    ...[true, true, true, false],
  ]);
  expect(['all', 'see', 'look'].map((token) => tokens.includes(token))).toEqual([
    true,
    false,
    false,
  ]);
  expect(['all', 'see', 'look', 'other'].map((token) => tokens.nameOf(token))).toEqual([
    ...['token-1', 'reader-1', 'reader-2', undefined],
  ]);
});

describe('a token file', () => {
  test('holds one token, or several', () => {
    writeFileSync(file, 'a,b\nc\n\n');
    const tokens = new Tokens({ tokens: ['env'], tokenFile: file });
    expect(['a', 'b', 'c', 'env'].every((token) => tokens.includes(token))).toBe(true);
    expect(tokens.includes('')).toBe(false);
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
    expect(tokens.includes('new')).toBe(false);
    writeFileSync(file, 'newer');
    expect(tokens.includes('newer')).toBe(true);
    expect(tokens.includes('old')).toBe(false);
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
    expect(tokens.includes('bbb')).toBe(true);
    expect(tokens.includes('aaa')).toBe(false);
  });

  test.each([
    ['is empty for a moment', () => writeFileSync(file, '')],
    ['is gone for a moment', () => rmSync(file)],
  ])('locks nobody out, nor lets anybody in, while it %s', (_, disturb) => {
    writeFileSync(file, 'token');
    const tokens = new Tokens({ tokens: [], tokenFile: file });
    disturb();
    expect(tokens.includes('token')).toBe(true);
    expect(tokens.includes('')).toBe(false);
    expect(tokens.isOpen).toBe(false);
    writeFileSync(file, 'another');
    expect(tokens.includes('another')).toBe(true);
    expect(tokens.includes('token')).toBe(false);
  });
});
