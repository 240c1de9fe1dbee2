import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type ActivationSettings, countActivations } from './activations.ts';

interface Counted {
  readonly layer: { readonly hidden: number; readonly parameters: number };
  readonly cases: readonly {
    readonly name: string;
    readonly request: { readonly customization: { method: string; precision: string } };
    /** Bytes of a token. */
    readonly kept: number;
  }[];
}

// What runtime/tests/test_memory.py counts, without dropout.
const file = new URL('../../../../runtime/tests/fixtures/memory-layer.json', import.meta.url);
const { layer, cases } = JSON.parse(readFileSync(file, 'utf8')) as Counted;

const PLAIN: ActivationSettings = {
  ...{ isFull: false, isQuantised: false, isInt8: false, isFp32: false },
  ...{ hasDropout: false, isCheckpointed: false, rowLength: 0 },
};

const countOfLayers = (layers: number, settings: Partial<ActivationSettings>) =>
  countActivations(
    {
      ...{ layers, hidden: layer.hidden, headSize: 64, vocabulary: 0 },
      ...{ parameters: layers * layer.parameters, embeddings: 0 },
    },
    { ...PLAIN, ...settings },
  );

test.each(cases)('$name: what a layer keeps on a CPU, and up to a sixth more', (counted) => {
  const { method, precision } = counted.request.customization;
  const settings = { isFull: method === 'full', isFp32: precision === 'fp32' };
  const ratio = (countOfLayers(3, settings) - countOfLayers(2, settings)) / counted.kept;
  // On a GPU attention keeps more.
  expect(ratio).toBeGreaterThan(1);
  expect(ratio).toBeLessThan(1.17);
});

test('dropout of an adapter keeps more, quantised weights less', () => {
  expect(countOfLayers(2, { hasDropout: true })).toBeGreaterThan(countOfLayers(2, {}));
  expect(countOfLayers(2, { isQuantised: true })).toBeLessThan(countOfLayers(2, {}));
});

test('with checkpointing a further layer costs what goes through it alone', () => {
  const settings = { isCheckpointed: true };
  expect(countOfLayers(3, settings) - countOfLayers(2, settings)).toBeCloseTo(2 * layer.hidden);
});
