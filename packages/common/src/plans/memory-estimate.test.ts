import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { makeBody, parseValid } from '../../test/builders.ts';
import { estimateMemory, type MemoryTerms } from './memory-estimate.ts';
import type { ModelShape } from './model-shape.ts';

interface Counted {
  readonly shape: ModelShape;
  readonly cases: readonly {
    readonly name: string;
    readonly request: Record<string, unknown>;
    readonly bytes: Omit<MemoryTerms, 'activations'>;
  }[];
}

// What runtime/tests/test_memory.py counts.
const file = new URL('../../../../runtime/tests/fixtures/memory-100m.json', import.meta.url);
const { shape, cases } = JSON.parse(readFileSync(file, 'utf8')) as Counted;

test.each(cases)('$name: the bytes that were counted, within two percent', ({ request, bytes }) => {
  const estimated = estimateMemory(parseValid({ ...makeBody(), ...request }), shape);
  for (const [term, counted] of Object.entries(bytes)) {
    const ratio = estimated[term as keyof MemoryTerms] / counted;
    expect(Math.abs(ratio - 1), term).toBeLessThan(0.02);
  }
});

test('gradient checkpointing and a smaller micro batch keep less', () => {
  const of = (changes: Record<string, unknown>) =>
    estimateMemory(parseValid(makeBody(changes)), shape).activations;
  expect(of({})).toBeLessThan(of({ 'customization.gradient_checkpointing': false }));
  expect(of({ 'tuning_parameters.micro_batch_size': 1 }) * 8).toBeCloseTo(of({}), -1);
});

test('dropout of the adapter keeps more, and the config of PEFT goes before the field', () => {
  const of = (customization: Record<string, unknown>) =>
    estimateMemory(parseValid(makeBody({ customization })), shape).activations;
  const without = of({ lora: { dropout: 0 } });
  expect(of({ lora: { dropout: 0.05 } })).toBeGreaterThan(without);
  expect(of({ peft: { config: { lora_dropout: 0 } } })).toBe(without);
});
