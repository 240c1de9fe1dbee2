import {
  atLeastGpus,
  BaseTrainerBackend,
  methodNeeds,
  providerIn,
  type TrainingRequest,
} from '@trainer/common';
import example from '../example.json' with { type: 'json' };

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

  /** A launcher without arguments would only print its usage, so it needs `trainer_args`. */
  override command({ extra_parameters }: TrainingRequest): readonly string[] | undefined {
    const { executor, trainer_args } = extra_parameters;
    return executor !== undefined && trainer_args !== undefined ? [executor] : undefined;
  }

  override warnings({ extra_parameters }: TrainingRequest): readonly string[] {
    const { executor, trainer_args } = extra_parameters;
    if (executor === undefined || trainer_args !== undefined) return [];
    return ['extra_parameters.executor is ignored without extra_parameters.trainer_args'];
  }
}
