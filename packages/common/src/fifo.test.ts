import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Fifo } from './fifo.ts';

it('gives back what it was given, in that order, whatever happens in between', () => {
  const step = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constant('shift' as const));
  fc.assert(
    fc.property(fc.array(step, { size: 'max', maxLength: 1000 }), (steps) => {
      const fifo = new Fifo<number>();
      const expected: number[] = [];
      for (const each of steps) {
        if (each === 'shift') expect(fifo.shift()).toBe(expected.shift());
        else {
          fifo.push(each);
          expected.push(each);
        }
        expect([fifo.size, fifo.peek()]).toEqual([expected.length, expected[0]]);
      }
      fifo.clear();
      expect([fifo.size, fifo.shift()]).toEqual([0, undefined]);
    }),
  );
});
