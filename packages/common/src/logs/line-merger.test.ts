import { EventEmitter, once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { LineMerger } from './line-merger.ts';

/** A stream that counts what was asked of it. */
class Counted {
  asked = 0;
  readonly #text: string;
  readonly #count: number;

  constructor(text: string, count: number) {
    this.#text = text;
    this.#count = count;
  }

  async *[Symbol.asyncIterator]() {
    while (this.asked < this.#count) {
      this.asked += 1;
      yield `${this.#text}${this.asked}`;
    }
  }
}

async function take<T>(values: AsyncIterator<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  while (taken.length < count) {
    const { value, done } = await values.next();
    if (done) break;
    taken.push(value as T);
  }
  return taken;
}

describe('LineMerger', () => {
  it('lets no stream wait for another that has much more', async () => {
    const merger = new LineMerger<string>();
    for (const name of ['a', 'b', 'c']) merger.add(new Counted(name, 1000));
    const first = await take(merger[Symbol.asyncIterator](), 30);
    for (const name of ['a', 'b', 'c']) {
      expect(first.filter((value) => value.startsWith(name))).toHaveLength(10);
    }
  });

  it('does not wait for a silent stream', async () => {
    const merger = new LineMerger<string>();
    const told = new EventEmitter();
    async function* speakLater() {
      yield (await once(told, 'word'))[0] as string;
    }
    merger.add(speakLater());
    merger.add(new Counted('a', 2));
    merger.complete();
    const values = merger[Symbol.asyncIterator]();
    expect(await take(values, 2)).toEqual(['a1', 'a2']);
    const rest = take(values, 2);
    told.emit('word', 'late');
    expect(await rest).toEqual(['late']);
  });

  it('asks each stream for one value more than was taken, however long its reader waits', async () => {
    const merger = new LineMerger<string>();
    const streams = [new Counted('a', 1000), new Counted('b', 1000)];
    for (const stream of streams) merger.add(stream);
    const values = merger[Symbol.asyncIterator]();
    await take(values, 5);
    await new Promise((resolve) => setImmediate(resolve));
    const asked = streams.reduce((sum, stream) => sum + stream.asked, 0);
    expect(asked).toBeLessThanOrEqual(5 + streams.length);
  });

  it('puts values in order where it is told how', async () => {
    const merger = new LineMerger<string>({ orderBy: (value) => value });
    async function* of(...values: string[]) {
      yield* values;
    }
    merger.add(of('1', '4', '5'));
    merger.add(of('2', '3', '6'));
    merger.complete();
    expect(await take(merger[Symbol.asyncIterator](), 10)).toEqual(['1', '2', '3', '4', '5', '6']);
  });

  it('ends with the streams that do not break', async () => {
    const merger = new LineMerger<string>();
    merger.add(
      // biome-ignore lint/correctness/useYield: it breaks before.
      (async function* () {
        throw new Error('broken');
      })(),
    );
    merger.add(new Counted('a', 1));
    merger.complete();
    expect(await take(merger[Symbol.asyncIterator](), 10)).toEqual(['a1']);
  });
});
