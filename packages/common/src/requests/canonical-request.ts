import { hash } from 'node:crypto';
import { toJsonText } from '../to-json-text.ts';
import { isCredentialName } from './credential-names.ts';
import { withoutCredentialWords } from './credential-words.ts';
import { isFirstFormCredential } from './first-canonical-form.ts';
import { asRecord, isRecord, type Json } from './is-record.ts';
import { mayHoldSecret, toObjectAddresses, toSaltedDigest } from './object-address.ts';
import { REQUEST_FORMAT } from './parse-training-request.ts';
import type { SchemaShape } from './schema-shape.ts';
import type { TrainingRequest } from './training-request.ts';
import { toOwnNames } from './tuning-names.ts';

export interface Asked {
  readonly form: Json;
  /** Whether the form of the first release is the same, as that of nearly every request. */
  readonly isFirstForm: boolean;
}

/** One way through a body. */
interface Walk {
  readonly salt: string;
  /** Set to false wherever the first release would have written something else. */
  isFirstForm: boolean;
}

/**
 * What a request asks for, in a form in which equal requests are equal texts: before defaults,
 * without nulls, empty texts and empty objects, without credentials, one spelling of what has two,
 * keys sorted. What may be secret and yet counts enters as a digest, salted by the job's id.
 */
export function toAsked(
  body: Json,
  request: TrainingRequest,
  shape: SchemaShape = REQUEST_FORMAT.shape,
): Asked {
  const { customization, tuning_parameters, extra_parameters, datasets, ...rest } = body;
  const walk: Walk = { salt: request.job_id, isFirstForm: true };
  const given = asRecord(tuning_parameters);
  const named = toOwnNames(given);
  if (named !== given) walk.isFirstForm = false;
  const { gradient_checkpointing, ...tuning } = named;
  const asked = {
    ...rest,
    datasets: Array.isArray(datasets) ? datasets.map((each) => withoutAuto(each, walk)) : datasets,
    customization: oneSpelling(asRecord(customization), gradient_checkpointing, walk),
    tuning_parameters: tuning,
    extra_parameters: toAskedExtras(asRecord(extra_parameters), request, walk),
  };
  const canonical = asRecord(toCanonical(asked, shape, walk));
  const trainer_env = toAskedEnv(request);
  if (trainer_env === undefined) return { form: canonical, isFirstForm: walk.isFirstForm };
  const extras = { ...asRecord(canonical.extra_parameters), trainer_env };
  return { form: { ...canonical, extra_parameters: extras }, isFirstForm: false };
}

/** SHA-256 of a canonical form, base64url. */
export function toFingerprint(asked: Json): string {
  return hash('sha256', toJsonText(asked), 'base64url');
}

/** Where two canonical forms differ, as paths: `resources.gpus`, `customization.lora.rank`. */
export function findDifferences(left: Json, right: Json): string[] {
  return differingKeys(left, right).flatMap((key) => {
    // What one of them lacks is compared as if it were empty, so that its fields are named.
    const [a = {}, b = {}] = [left[key], right[key]];
    if (!isRecord(a) || !isRecord(b)) return [key];
    return findDifferences(a, b).map((path) => `${key}.${path}`);
  });
}

function differingKeys(left: Json, right: Json): string[] {
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...keys].filter((key) => JSON.stringify(left[key]) !== JSON.stringify(right[key])).sort();
}

function oneSpelling(customization: Json, tuningCheckpointing: unknown, walk: Walk): Json {
  const { rank, target_modules, lora_alpha, lora_dropout, lora, ...rest } = customization;
  const { gradient_checkpointing } = rest;
  const nested = asRecord(lora);
  return {
    ...rest,
    gradient_checkpointing: gradient_checkpointing ?? tuningCheckpointing,
    lora: {
      ...nested,
      rank: rank ?? nested.rank,
      target_modules: toModules(target_modules, walk) ?? toModules(nested.target_modules, walk),
      alpha: lora_alpha ?? nested.alpha,
      dropout: lora_dropout ?? nested.dropout,
    },
  };
}

/** To leave the format out means the same. */
function withoutAuto(dataset: unknown, walk: Walk): unknown {
  const { format, ...rest } = asRecord(dataset);
  if (format !== 'auto') return dataset;
  walk.isFirstForm = false;
  return rest;
}

/** An empty list means the same as none. */
function toModules(value: unknown, walk: Walk): unknown {
  if (!Array.isArray(value) || value.length > 0) return value;
  walk.isFirstForm = false;
  return undefined;
}

function toAskedExtras(
  extras: Json,
  { extra_parameters: normalised }: TrainingRequest,
  walk: Walk,
): Json {
  const { command: _command, trainer_env: _env, ...rest } = extras;
  const { trainer_command, trainer_args, resources_per_node } = normalised;
  // The first release wrote these in another way, or may have.
  if (trainer_command ?? trainer_args ?? resources_per_node) walk.isFirstForm = false;
  return {
    ...rest,
    trainer_command: trainer_command && withoutCredentialWords(trainer_command),
    trainer_args: trainer_args && withoutCredentialWords(trainer_args),
    resources_per_node,
  };
}

/** Of a value that is named like a credential the name counts alone. */
function toAskedEnv({ job_id, extra_parameters }: TrainingRequest): Json | undefined {
  const entries = Object.entries(extra_parameters.trainer_env ?? {}).sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  if (entries.length === 0) return undefined;
  return Object.fromEntries(
    entries.map(([name, value]) => {
      if (typeof value !== 'string') return [name, value];
      const salt = `${job_id}\0${name}`;
      return [
        name,
        isCredentialName(name) ? '' : toSaltedDigest(toObjectAddresses(value, salt), salt),
      ];
    }),
  );
}

function toCanonical(value: unknown, shape: SchemaShape | undefined, walk: Walk): unknown {
  if (typeof value === 'string') return toCanonicalText(value, shape, walk);
  if (Array.isArray(value)) {
    return value.map((item) => toCanonical(item, shape?.element, walk) ?? null);
  }
  if (!isRecord(value)) return value ?? undefined;
  const canonical: Record<string, unknown> = {};
  let isEmpty = true;
  for (const key of sortFew(Object.keys(value))) {
    const child = value[key];
    const known = shape?.fields.get(key);
    if (known?.credential !== undefined) continue;
    if (typeof child === 'string') {
      const isDropped = known === undefined && isCredentialName(key);
      if (isDropped !== isFirstFormCredential(key)) walk.isFirstForm = false;
      if (isDropped) continue;
    }
    const mapped = toCanonical(child, known, walk);
    if (mapped === undefined) continue;
    canonical[key] = mapped;
    isEmpty = false;
  }
  return isEmpty ? undefined : canonical;
}

/** Sorts in place; the few keys of most objects by insertion, which needs no memory of its own. */
function sortFew(keys: string[]): string[] {
  if (keys.length > 16) return keys.sort();
  for (let end = 1; end < keys.length; end += 1) {
    const key = keys[end] as string;
    let place = end;
    for (; place > 0 && (keys[place - 1] as string) > key; place -= 1) {
      keys[place] = keys[place - 1] as string;
    }
    keys[place] = key;
  }
  return keys;
}

function toCanonicalText(text: string, shape: SchemaShape | undefined, walk: Walk) {
  const isNone = text === '' && shape?.isText === true;
  if (!isNone && !mayHoldSecret(text)) return text;
  walk.isFirstForm = false;
  return isNone ? undefined : toObjectAddresses(text, walk.salt);
}
