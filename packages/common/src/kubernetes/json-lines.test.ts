import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readJsonLines } from './json-lines.ts';

async function* cut(bytes: Buffer, sizes: readonly number[]): AsyncIterable<Buffer> {
  let from = 0;
  for (const size of sizes) {
    yield bytes.subarray(from, from + size);
    from += size;
  }
  yield bytes.subarray(from);
}

describe('readJsonLines', () => {
  it('reads the same values wherever the network cuts them', async () => {
    const values = fc.array(fc.jsonValue({ maxDepth: 2 }), { maxLength: 5 });
    const sizes = fc.array(fc.nat({ max: 20 }));
    await fc.assert(
      fc.asyncProperty(values, sizes, fc.boolean(), async (written, cuts, hasLastNewline) => {
        const lines = written.map((value) => JSON.stringify(value)).join('\n');
        const bytes = Buffer.from(hasLastNewline ? `${lines}\n` : lines);
        const read: unknown[] = [];
        for await (const value of readJsonLines(cut(bytes, cuts))) read.push(value);
        expect(JSON.stringify(read)).toBe(JSON.stringify(written));
      }),
    );
  });

  it('names no content when a line is not JSON', async () => {
    const read = async () => {
      for await (const _ of readJsonLines(cut(Buffer.from('{"token":"abc\n'), [3])));
    };
    await expect(read()).rejects.toThrow(/^a line of the stream is not JSON$/);
  });
});
