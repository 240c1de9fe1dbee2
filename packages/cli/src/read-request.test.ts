import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, test } from 'vitest';
import { readRequest } from './read-request.ts';

const read = (content: string | Buffer) =>
  readRequest(
    '-',
    (async function* () {
      yield Buffer.from(content);
    })(),
  );

describe('read', () => {
  test.each<[string, string, unknown]>([
    ['JSON', ' \n{"a": [1, null]}', { a: [1, null] }],
    ['JSON behind a byte order mark', '\uFEFF{"a": 1}', { a: 1 }],
    ['YAML', 'a: 1 # why\nb: [x, 1.5]', { a: 1, b: ['x', 1.5] }],
    [
      'merge keys',
      'base: &base {cpus: 8, gpus: 1}\nresources:\n  <<: *base\n  gpus: 2',
      { base: { cpus: 8, gpus: 1 }, resources: { cpus: 8, gpus: 2 } },
    ],
    ['numbers as keys', 'env:\n  1: x', { env: { 1: 'x' } }],
    ['long texts', 'a: "9007199254740993"\nb: 1e20', { a: '9007199254740993', b: 1e20 }],
  ])('%s', async (_, text, expected) => {
    expect(await read(text)).toEqual(expected);
  });
});

describe('refused, with the place', () => {
  test.each<[string, string, string]>([
    ['a comment in JSON', '{\n  // why\n  "a": 1\n}', 'not valid JSON: look at line 2, column 3.'],
    ['a Python dict', "{'a': 1}", 'is not valid JSON: look at line 1, column 2.'],
    ['a missing comma', '{"a": 1\n "b": 2}', 'is not valid JSON: look at line 2, column 2.'],
    ['YAML in braces', '{a: s3cret}', 'is not valid JSON: look at line 1, column 2.'],
    ['a list', '[1,\n2', 'is not valid JSON: look at line 2, column 2.'],
    ['an integer beyond 2^53', '{"a":\n9007199254740993}', 'beyond 2^53 in line 2'],
    ['a number that is too large', '{"a":\n1e400}', 'beyond 1.8e308 in line 2'],
    ['such an integer in YAML', 'a: 1\nb: 9007199254740993', 'beyond 2^53 in line 2'],
    ['an infinite number', 'a: 1\nb: .inf', 'infinite or none in line 2'],
    ['no number', 'a:\n  - .nan', 'infinite or none in line 2'],
    ['a date', 'a: 1\nb: !!timestamp 2001-01-01', 'a value in line 2, which JSON cannot say.'],
    ['bytes', 'a: !!binary s3cret==', 'a value in line 1, which JSON cannot say.'],
    ['a set', 'a: 1\nb: !!set {x}', 'in line 2, which JSON cannot say.'],
    ['a list as a key', 'a: 1\n? [x]\n: 2', 'a key that is no text in line 2'],
    ['a key twice', 'a: s3cret\na: 2', 'is not valid YAML: look at line 2, column 1.'],
    ['YAML that is broken', 'a: 1\nb: [s3cret\nc: 1', 'is not valid YAML: look at line'],
    ['an unknown tag', 'a: 1\nb: !own s3cret', 'is not valid YAML: look at line 2, column 4.'],
    ['two documents', 'a: 1\n---\nb: 2', 'is not valid YAML: look at line'],
    ['a text', 's3cret', 'is neither JSON nor YAML of a request.'],
    ['nothing', '', 'is neither JSON nor YAML of a request.'],
  ])('%s', async (_, text, sentence) => {
    const refusal = read(text);
    await expect(refusal).rejects.toThrow(sentence);
    await expect(refusal).rejects.not.toThrow('s3cret');
  });

  test.each(['utf16le', 'utf16be'])('UTF-16, by its name: %s', async (encoding) => {
    const bytes = Buffer.from('{"a": 1}', 'utf16le');
    if (encoding === 'utf16be') bytes.swap16();
    await expect(read(bytes)).rejects.toThrow('Standard input is UTF-16; save it as UTF-8.');
    const mark = encoding === 'utf16be' ? [0xfe, 0xff] : [0xff, 0xfe];
    await expect(read(Buffer.from([...mark, ...bytes]))).rejects.toThrow('is UTF-16');
  });

  it('names bytes that are no UTF-8', async () => {
    await expect(read(Buffer.from([0x61, 0xe4, 0x20]))).rejects.toThrow('is not UTF-8');
  });

  it('names the file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'read-request-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const file = join(folder, 'request.yaml');
    await writeFile(file, 'a: .inf');
    await expect(readRequest(file, process.stdin)).rejects.toThrow(`${file} holds a number`);
    await expect(readRequest(`${file}x`, process.stdin)).rejects.toThrow('(ENOENT)');
  });
});
