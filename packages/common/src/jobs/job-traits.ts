import { fitsJson, jsonBytes } from '../json-bytes.ts';
import { REDACTED, type SecretTest } from '../requests/credentials.ts';
import type { TrainingRequest } from '../requests/training-request.ts';

/** What a list tells of a job's request. Small, since every replica holds that of every job, and without credentials. */
export interface JobTraits {
  readonly model: string;
  readonly method: string;
  readonly provider: string;
  readonly gpus: number;
  /** Those of `extra_parameters.job_labels` that there is room for. */
  readonly labels: Readonly<Record<string, string>>;
}

const MAX_MODEL_BYTES = 256;
const MAX_LABELS_BYTES = 1024;

/** The traits of a request, with a sentence where they tell less than it does. Pure. */
export function toJobTraits(
  request: TrainingRequest,
  holdsSecret: SecretTest,
): { readonly traits: JobTraits; readonly warnings: readonly string[] } {
  const { base_model, customization, resources, extra_parameters } = request;
  const given = Object.entries(extra_parameters.job_labels ?? {});
  const labels = takeFitting(given);
  const model = holdsSecret(base_model.model_name) ? REDACTED : base_model.model_name;
  const isWhole = fitsJson(model, MAX_MODEL_BYTES);
  return {
    traits: {
      model: isWhole ? model : cutText(model, MAX_MODEL_BYTES),
      method: customization.method,
      provider: base_model.provider,
      gpus: resources.gpus,
      labels: Object.fromEntries(labels),
    },
    warnings: [
      ...(labels.length < given.length ? [describeCut(given.length - labels.length)] : []),
      ...(isWhole
        ? []
        : [
            'Lists show the beginning of base_model.model_name alone, and cannot filter by it, since it is very long',
          ]),
    ],
  };
}

function describeCut(count: number): string {
  const they = count === 1 ? 'the last one is' : `the last ${count} are`;
  return `extra_parameters.job_labels take more than 1 KiB, so that ${they} missing in lists; the TrainJob has all of them`;
}

/** The first of them that fit together, as JSON. */
function takeFitting(labels: readonly [string, string][]): [string, string][] {
  let bytes = 2;
  const end = labels.findIndex(([key, value]) => {
    bytes += jsonBytes(key) + jsonBytes(value) + 2;
    return bytes > MAX_LABELS_BYTES;
  });
  return labels.slice(0, end < 0 ? labels.length : end);
}

/** Its longest beginning that takes so many bytes of JSON, with a mark that it goes on. */
function cutText(text: string, maxBytes: number): string {
  const ellipsis = '…';
  let kept = '';
  let bytes = jsonBytes(ellipsis);
  for (const character of text) {
    bytes += jsonBytes(character) - 2;
    if (bytes > maxBytes) break;
    kept += character;
  }
  return kept + ellipsis;
}
