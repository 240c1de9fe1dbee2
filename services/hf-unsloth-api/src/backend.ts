import {
  atLeastGpus,
  BaseTrainerBackend,
  createExtraParameter,
  methodIn,
  providerIn,
  type TrainingRequest,
  withDefault,
  z,
} from '@trainer/common';
import example from '../example.json' with { type: 'json' };

const OptionsSchema = z.looseObject({
  optimize_long_context: withDefault(z.boolean(), true).describe(
    'Trade speed for longer sequences',
  ),
  quantization: withDefault(z.string().min(1), 'bnb-nf4').describe('How weights are quantised'),
  gradient_accumulation: withDefault(z.int().min(1), 4).describe(
    'Steps whose gradients are added up',
  ),
});

const toVariables = (options: z.output<typeof OptionsSchema>) => ({
  UNSLOTH_OPTIONS_JSON: JSON.stringify(options),
});

const UNSLOTH = createExtraParameter({
  name: 'unsloth',
  schema: OptionsSchema,
  description: 'Options of Unsloth, in the container as `UNSLOTH_OPTIONS_JSON`',
  toVariables,
});

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
  override readonly extraParameters = [UNSLOTH];

  /** The trainer reads its options from here, so they are always set. */
  override env(request: TrainingRequest): Readonly<Record<string, string>> {
    return toVariables(UNSLOTH.valueIn(request) ?? OptionsSchema.parse({}));
  }
}
