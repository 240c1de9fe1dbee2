import { asRecord, type Json } from './is-record.ts';

/**
 * Where two requests differ in what a checkpoint is made of, as paths of the request; from their
 * canonical forms, so that a default and the same value are equal. The runtime compares the rest
 * (`fingerprint.py`): rows, and what only a plan knows. Pure.
 */
export function nameResumeDifferences(kept: Json, asked: Json): string[] {
  const [theirs, ours] = [toTraits(kept), toTraits(asked)];
  return Object.keys(ours).filter((path) => theirs[path] !== ours[path]);
}

/** One text for each thing that must be the same. */
function toTraits(asked: Json): Readonly<Record<string, string>> {
  const model = asRecord(asked.base_model);
  const customization = asRecord(asked.customization);
  const { method = 'lora', precision } = customization;
  const isFull = method === 'full';
  const lora = isFull ? {} : asRecord(customization.lora);
  return toTexts({
    'base_model.model_name': model.model_name,
    'base_model.revision': model.revision ?? 'main',
    'base_model.weights_url': withoutQuery(model.weights_url),
    // All that train an adapter are one method, apart from how they keep the weights.
    'customization.method': [isFull, method === 'qlora', precision === 'int8'],
    'customization.rank': isFull ? undefined : (lora.rank ?? 16),
    'customization.target_modules': isFull
      ? undefined
      : toSorted(lora.target_modules ?? 'all-linear'),
    'customization.peft.config': isFull ? undefined : asRecord(customization.peft).config,
    'customization.trainable_layers': toSorted(customization.trainable_layers ?? []),
  });
}

function toTexts(traits: Json): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(traits).map(([path, value]) => [path, JSON.stringify(value ?? null)]),
  );
}

function toSorted(value: unknown): unknown {
  return Array.isArray(value) ? value.toSorted() : value;
}

function withoutQuery(url: unknown): unknown {
  return typeof url === 'string' ? url.split('?', 1)[0] : url;
}
