import type { z } from 'zod';
import { RUNTIME_TABLE } from './runtime-table.ts';

/** Names that other trainers use for our tuning parameters, and ours. */
export const TUNING_ALIASES: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(RUNTIME_TABLE.tuningAliases).flatMap(([name, aliases]) =>
    aliases.map((alias) => [alias, name]),
  ),
);

/** The names of each tuning parameter that has several, ours first. */
export const TUNING_SPELLINGS: readonly (readonly string[])[] = Object.entries(
  RUNTIME_TABLE.tuningAliases,
).map(([name, aliases]) => [name, ...aliases]);

/** Further settings that our runtime acts on; it never hands a trainer any other. */
export const RUNTIME_SETTINGS: readonly string[] = RUNTIME_TABLE.tuningParameters;

/** Tuning parameters under our names; of several for one, a value that differs is an issue. */
export function renameTuning(value: unknown, context: z.RefinementCtx): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return toOwnNames(value as Record<string, unknown>, (alias, name) => {
    context.addIssue({
      code: 'custom',
      path: [alias],
      message: `means the same as tuning_parameters.${name} and differs from it; give one of them`,
    });
  });
}

/** Our names for all of `tuning`; `onConflict` hears of an alias whose value is another one. */
export function toOwnNames(
  tuning: Readonly<Record<string, unknown>>,
  onConflict: (alias: string, name: string) => void = () => undefined,
): Readonly<Record<string, unknown>> {
  const aliases = Object.keys(tuning).filter((key) => Object.hasOwn(TUNING_ALIASES, key));
  if (aliases.length === 0) return tuning;
  const renamed: Record<string, unknown> = { ...tuning };
  for (const alias of aliases) {
    delete renamed[alias];
    const given = tuning[alias];
    const name = TUNING_ALIASES[alias] as string;
    if (given === null || given === undefined || given === '') continue;
    const other = renamed[name];
    if (other === null || other === undefined) renamed[name] = given;
    else if (other !== given) onConflict(alias, name);
  }
  return renamed;
}
