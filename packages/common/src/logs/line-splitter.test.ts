import { describe, expect, it } from 'vitest';
import { LineSplitter, MAX_PIECE_BYTES } from './line-splitter.ts';

function split(...chunks: readonly (string | Buffer)[]) {
  const splitter = new LineSplitter();
  const pieces = chunks.flatMap((chunk) => [...splitter.push(Buffer.from(chunk))]);
  return [...pieces, ...splitter.end()];
}
const texts = (...chunks: readonly (string | Buffer)[]) => split(...chunks).map(({ text }) => text);

describe('LineSplitter', () => {
  it('gives lines, over the borders of chunks', () => {
    expect(texts('one\ntw', 'o\r\n\nthree')).toEqual(['one', 'two', '', 'three']);
  });

  it('says where in its chunk each line ends', () => {
    expect(split('one\ntw', 'o\nx\n').map(({ endsAt }) => endsAt)).toEqual([4, 2, 4]);
  });

  it('cuts a very long line into pieces of bounded size', () => {
    const line = 'x'.repeat(2 * MAX_PIECE_BYTES + 5);
    const pieces = split(line.slice(0, 20_000), `${line.slice(20_000)}\nend\n`);
    expect(pieces.map(({ text, isPartial }) => [text.length, isPartial])).toEqual([
      [MAX_PIECE_BYTES, true],
      [MAX_PIECE_BYTES, true],
      [5, false],
      [3, false],
    ]);
  });

  it('ends a line whose last piece is full', () => {
    const pieces = split('x'.repeat(MAX_PIECE_BYTES), '\ny\n');
    expect(pieces.map(({ isPartial }) => isPartial)).toEqual([true, false, false]);
    expect(pieces.map(({ text }) => text.length)).toEqual([MAX_PIECE_BYTES, 0, 1]);
  });

  it('breaks no character, neither at a chunk nor at a piece', () => {
    const text = `${'x'.repeat(MAX_PIECE_BYTES - 1)}€`;
    const bytes = Buffer.from(text);
    const pieces = texts(
      bytes.subarray(0, MAX_PIECE_BYTES + 1),
      bytes.subarray(MAX_PIECE_BYTES + 1),
      '\n',
    );
    expect(pieces.join('')).toBe(text);
  });
});
