import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { makeBody, parseValid } from '../../test/builders.ts';
import { estimateMemory, type MemoryTerms } from './memory-estimate.ts';
import { type ModelShape, toUsualShape } from './model-shape.ts';

interface Measured {
  readonly models: readonly {
    readonly name: string;
    readonly shape: ModelShape;
    readonly cases: readonly {
      readonly name: string;
      readonly request: Record<string, unknown>;
      readonly bytes: Omit<MemoryTerms, 'activations'>;
      readonly peak_bytes: number;
    }[];
  }[];
}

// What runtime/gpu-check measured.
const file = new URL('../../../../runtime/tests/fixtures/memory-gpu.json', import.meta.url);
const { models } = JSON.parse(readFileSync(file, 'utf8')) as Measured;
/** Of the peak, what the sum may be at least and at most. */
const OF_SHAPE = [0.94, 1.3] as const;
/** The same where only the size of the model is known. */
const OF_SIZE = [0.97, 1.35] as const;

describe.each(models)('$name', ({ name, shape, cases }) => {
  test.each(cases)('$name', ({ request, bytes, peak_bytes }) => {
    const body = parseValid({ ...makeBody(), ...request });
    const estimated = estimateMemory(body, shape);
    expect(estimated.weights / bytes.weights).toBeCloseTo(1, 1);
    // An adapter's size depends on how wide the feed-forward is, which the shape does not tell.
    if (bytes.gradients > 1e9) {
      expect(estimated.gradients / bytes.gradients).toBeCloseTo(1, 1);
      expect(estimated.optimizer / bytes.optimizer).toBeCloseTo(1, 1);
    }
    const ofShape = sum(estimated) / peak_bytes;
    expect(ofShape).toBeGreaterThan(OF_SHAPE[0]);
    expect(ofShape).toBeLessThan(OF_SHAPE[1]);
    // Four layers are no model of their size.
    if (!name.startsWith('Qwen')) return;
    const ofSize = sum(estimateMemory(body, toUsualShape(shape.parameters))) / peak_bytes;
    expect(ofSize).toBeGreaterThan(OF_SIZE[0]);
    expect(ofSize).toBeLessThan(OF_SIZE[1]);
  });
});

function sum(terms: MemoryTerms): number {
  return terms.weights + terms.gradients + terms.optimizer + terms.activations;
}
