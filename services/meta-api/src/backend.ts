import {
  atLeastGpus,
  BaseTrainerBackend,
  createExtraParameter,
  methodNeeds,
  providerIn,
  type TrainingRequest,
  z,
} from '@trainer/common';
import example from '../example.json' with { type: 'json' };

const EXECUTOR = createExtraParameter({
  name: 'executor',
  schema: z
    .string()
    .regex(/^[A-Za-z0-9._/-]{1,200}$/, { error: 'must be one program such as torchrun' }),
  description: 'Launcher of `trainer_args`; the meta service only',
});

/** Meta's models, trained with ZeRO stages over at least two GPUs. */
export class MetaBackend extends BaseTrainerBackend {
  readonly name = 'meta';
  readonly title = 'Meta Adapter API';
  readonly example = example;
  readonly defaults = { port: 8082, runtimeName: 'meta-runtime' };
  readonly rules = [
    providerIn('meta', 'huggingface'),
    atLeastGpus(2, ' (ZeRO stages)'),
    methodNeeds('full', 'memory_gb', 128),
  ];
  override readonly extraParameters = [EXECUTOR];

  /** A launcher without arguments would only print its usage, so it needs `trainer_args`. */
  override command(request: TrainingRequest): readonly string[] | undefined {
    const executor = EXECUTOR.valueIn(request);
    const { trainer_args } = request.extra_parameters;
    return executor !== undefined && trainer_args !== undefined ? [executor] : undefined;
  }

  override warnings(request: TrainingRequest): readonly string[] {
    const { trainer_args } = request.extra_parameters;
    if (EXECUTOR.valueIn(request) === undefined || trainer_args !== undefined) return [];
    return ['extra_parameters.executor is ignored without extra_parameters.trainer_args'];
  }
}
