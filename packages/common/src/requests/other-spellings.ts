import { asRecord, isRecord, type Json } from './is-record.ts';
import { FLAT_LORA } from './training-request.ts';
import { TUNING_SPELLINGS } from './tuning-names.ts';

type Place = readonly [section: string, ...keys: string[]];

/** Of each field that may be written in several ways, where. */
const SPELLINGS: readonly (readonly Place[])[] = [
  ...TUNING_SPELLINGS.map((names) => names.map((name): Place => ['tuning_parameters', name])),
  ...Object.entries(FLAT_LORA).map(([flat, nested]): Place[] => [
    ['customization', flat],
    ['customization', 'lora', nested],
  ]),
  [
    ['customization', 'gradient_checkpointing'],
    ['tuning_parameters', 'gradient_checkpointing'],
  ],
  [
    ['extra_parameters', 'trainer_command'],
    ['extra_parameters', 'command'],
  ],
];

/** `request` without the fields that a merge patch `changes` names, however they are written in either. */
export function dropRespelled(request: Json, changes: Json): Json {
  return SPELLINGS.filter((places) => places.some((place) => isNamed(changes, place)))
    .flat()
    .reduce(withoutPlace, request);
}

/** What is taken away within a section names all that it held; a whole section only what is in itself. */
function isNamed(changes: Json, [section, ...keys]: Place): boolean {
  return isThere(asRecord(changes[section]), keys);
}

function isThere(holder: Json, [key, ...rest]: readonly string[]): boolean {
  if (key === undefined || !Object.hasOwn(holder, key)) return false;
  return rest.length === 0 || holder[key] === null || isThere(asRecord(holder[key]), rest);
}

function withoutPlace(holder: Json, [key, ...rest]: readonly string[]): Json {
  if (key === undefined || !Object.hasOwn(holder, key)) return holder;
  const { [key]: child, ...others } = holder;
  if (rest.length === 0) return others;
  return isRecord(child) ? { ...holder, [key]: withoutPlace(child, rest) } : holder;
}
