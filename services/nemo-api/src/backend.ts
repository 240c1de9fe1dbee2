import { atLeastGpus, BaseTrainerBackend, methodNeeds, providerIn } from '@trainer/common';
import example from '../example.json' with { type: 'json' };

/** NVIDIA NeMo Customizer. */
export class NemoBackend extends BaseTrainerBackend {
  readonly name = 'nemo';
  readonly title = 'NeMo Customizer API';
  readonly example = example;
  readonly defaults = { port: 8081, runtimeName: 'nemo-runtime' };
  readonly rules = [
    providerIn('nemo', 'nemotron', 'bim'),
    atLeastGpus(1),
    methodNeeds('full', 'gpus', 4),
  ];
}
