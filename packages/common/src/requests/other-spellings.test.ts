import { expect, it } from 'vitest';
import { dropRespelled } from './other-spellings.ts';

it.each([
  [
    'a name of another trainer',
    { tuning_parameters: { num_train_epochs: 3, lr: 1e-4, seed: 7 } },
    { tuning_parameters: { num_epochs: 5 } },
    { tuning_parameters: { lr: 1e-4, seed: 7 } },
  ],
  [
    'our own name, and a second of another trainer',
    { tuning_parameters: { num_epochs: 3, n_epochs: 3 } },
    { tuning_parameters: { epochs: 5 } },
    { tuning_parameters: {} },
  ],
  [
    'the flat name of a LoRA setting',
    { customization: { rank: 8, lora_alpha: 16 } },
    { customization: { lora: { rank: 4 } } },
    { customization: { lora_alpha: 16 } },
  ],
  [
    'its nested name',
    { customization: { lora: { alpha: 16, rank: 8 } } },
    { customization: { lora_alpha: 32 } },
    { customization: { lora: { rank: 8 } } },
  ],
  [
    'the flat names of all that a section holds which is taken away',
    { customization: { rank: 8, lora_alpha: 16, precision: 'bf16' } },
    { customization: { lora: null } },
    { customization: { precision: 'bf16' } },
  ],
  [
    'the other section of gradient_checkpointing',
    { tuning_parameters: { gradient_checkpointing: true, seed: 7 } },
    { customization: { gradient_checkpointing: false } },
    { tuning_parameters: { seed: 7 } },
  ],
  [
    'the other name of a command, which is taken away',
    { extra_parameters: { command: ['train'], num_nodes: 2 } },
    { extra_parameters: { trainer_command: null } },
    { extra_parameters: { num_nodes: 2 } },
  ],
])('drops %s', (_what, request, changes, rest) => {
  expect(dropRespelled({ job_id: 'a', ...request }, changes)).toEqual({ job_id: 'a', ...rest });
});

it('leaves alone what no change names, and sections that are none', () => {
  const request = { customization: { rank: 8 }, tuning_parameters: { lr: 1 } };
  expect(dropRespelled(request, {})).toBe(request);
  expect(dropRespelled(request, { customization: null, tuning_parameters: [] })).toBe(request);
  const elsewhere = { tuning_parameters: { gradient_checkpointing: true } };
  expect(dropRespelled(elsewhere, { customization: null })).toBe(elsewhere);
  const odd = { customization: { lora: 'rank', rank: 8 }, tuning_parameters: 'lr' };
  const changes = { customization: { rank: 4 }, tuning_parameters: { lr: 1 } };
  expect(dropRespelled(odd, changes)).toEqual({ ...odd, customization: { lora: 'rank' } });
});
