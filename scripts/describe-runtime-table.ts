import { readFile } from 'node:fs/promises';

/** The table that the runtime writes of what it acts on (`python -m trainer_runtime.table`). */
export interface RuntimeSettings {
  readonly fields: Readonly<Record<string, Readonly<Record<string, FieldEffect>>>>;
  readonly tuning_parameters: Readonly<Record<string, object>>;
  readonly tuning_aliases: Readonly<Record<string, readonly string[]>>;
  readonly peft_config: Readonly<Record<string, string>>;
  readonly batch: { readonly max_micro_batch: number; readonly examples: readonly BatchExample[] };
  readonly reasons: Readonly<Record<string, number>>;
  readonly operator_variables: readonly string[];
}

/** What one engine does with a field. */
export interface FieldEffect {
  readonly effect: 'used' | 'warned' | 'service' | 'refused';
  readonly how: string;
}

/** How the runtime splits one batch: `rows` a step. */
export interface BatchExample {
  readonly batch_size: number;
  readonly micro_batch_size: number | null;
  readonly gradient_accumulation: number | null;
  readonly processes: number;
  readonly rows: number;
}

export async function readRuntimeSettings(): Promise<RuntimeSettings> {
  const url = new URL('../runtime/settings.json', import.meta.url);
  return JSON.parse(await readFile(url, 'utf8'));
}

/** The module of the services that holds what they need of the table, as TypeScript. */
export function describeRuntimeTable(settings: RuntimeSettings): string {
  const table = {
    tuningParameters: Object.keys(settings.tuning_parameters),
    tuningAliases: settings.tuning_aliases,
    peftConfig: Object.keys(settings.peft_config),
    maxMicroBatch: settings.batch.max_micro_batch,
    reasons: Object.keys(settings.reasons),
    operatorVariables: settings.operator_variables,
  };
  return [
    '// Written by `npm run runtime:table` from runtime/settings.json: change runtime/ instead.',
    '',
    '/** What our training runtime acts on, how it splits a batch, and the codes of its ends. */',
    `export const RUNTIME_TABLE = ${JSON.stringify(table, null, 2)} as const;`,
    '',
  ].join('\n');
}
