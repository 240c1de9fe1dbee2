import {
  atLeastGpus,
  BaseTrainerBackend,
  methodIn,
  providerIn,
  type TrainingRequest,
  UnslothOptionsSchema,
} from '@trainer/common';
import example from '../example.json' with { type: 'json' };

/** Hugging Face models, trained with Unsloth. */
export class HfUnslothBackend extends BaseTrainerBackend {
  readonly name = 'hf-unsloth';
  readonly title = 'Hugging Face + Unsloth API';
  readonly example = example;
  readonly defaults = { port: 8083, runtimeName: 'hf-unsloth-runtime' };
  readonly rules = [
    providerIn('huggingface', 'meta', 'mistral', 'tii', 'custom'),
    methodIn('lora', 'qlora', 'peft'),
    atLeastGpus(1),
  ];

  /** The trainer reads its options from here, so they are always set. */
  override env({ extra_parameters }: TrainingRequest): Readonly<Record<string, string>> {
    const options = extra_parameters.unsloth ?? UnslothOptionsSchema.parse({});
    return { UNSLOTH_OPTIONS_JSON: JSON.stringify(options) };
  }
}
