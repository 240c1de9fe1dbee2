import { hash } from 'node:crypto';
import { isCredentialName } from './credential-names.ts';
import { withoutCredentialWords } from './credential-words.ts';
import { toObjectAddresses, toSaltedDigest } from './object-address.ts';
import { REQUEST_FORMAT } from './parse-training-request.ts';
import type { SchemaShape } from './schema-shape.ts';
import type { TrainingRequest } from './training-request.ts';
import { toOwnNames } from './tuning-names.ts';

type Json = Readonly<Record<string, unknown>>;

/**
 * What a request asks for, in a form in which equal requests are equal texts: before defaults,
 * without nulls, empty texts and empty objects, without credentials, one spelling of what has two,
 * keys sorted. What may be secret and yet counts enters as a digest, salted by the job's id.
 */
export function toAsked(
  body: Json,
  request: TrainingRequest,
  shape: SchemaShape = REQUEST_FORMAT.shape,
): Json {
  const { customization, tuning_parameters, extra_parameters, datasets, ...rest } = body;
  const { gradient_checkpointing, ...tuning } = toOwnNames(asRecord(tuning_parameters));
  const asked = {
    ...rest,
    datasets: Array.isArray(datasets) ? datasets.map(withoutAuto) : datasets,
    customization: oneSpelling(asRecord(customization), gradient_checkpointing),
    tuning_parameters: tuning,
    extra_parameters: toAskedExtras(asRecord(extra_parameters), request),
  };
  const canonical = asRecord(toCanonical(asked, shape, request.job_id));
  const trainer_env = toAskedEnv(request);
  if (trainer_env === undefined) return canonical;
  return {
    ...canonical,
    extra_parameters: { ...asRecord(canonical.extra_parameters), trainer_env },
  };
}

/** SHA-256 of a canonical form, base64url. */
export function toFingerprint(asked: Json): string {
  return hash('sha256', JSON.stringify(asked), 'base64url');
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

function oneSpelling(customization: Json, tuningCheckpointing: unknown): Json {
  const { rank, target_modules, lora_alpha, lora_dropout, lora, ...rest } = customization;
  const { gradient_checkpointing } = rest;
  const nested = asRecord(lora);
  return {
    ...rest,
    gradient_checkpointing: gradient_checkpointing ?? tuningCheckpointing,
    lora: {
      ...nested,
      rank: rank ?? nested.rank,
      target_modules: toModules(target_modules) ?? toModules(nested.target_modules),
      alpha: lora_alpha ?? nested.alpha,
      dropout: lora_dropout ?? nested.dropout,
    },
  };
}

/** To leave the format out means the same. */
function withoutAuto(dataset: unknown): unknown {
  const { format, ...rest } = asRecord(dataset);
  return format === 'auto' ? rest : dataset;
}

/** An empty list means the same as none. */
function toModules(value: unknown): unknown {
  return Array.isArray(value) && value.length === 0 ? undefined : value;
}

function toAskedExtras(extras: Json, { extra_parameters: normalised }: TrainingRequest): Json {
  const { command: _command, trainer_env: _env, ...rest } = extras;
  const { trainer_command, trainer_args, resources_per_node } = normalised;
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

function toCanonical(value: unknown, shape: SchemaShape | undefined, salt: string): unknown {
  if (value === '' && shape?.isText) return undefined;
  if (typeof value === 'string') return toObjectAddresses(value, salt);
  if (Array.isArray(value)) {
    return value.map((item) => toCanonical(item, shape?.element, salt) ?? null);
  }
  if (!isRecord(value)) return value ?? undefined;
  const canonical: Record<string, unknown> = {};
  let isEmpty = true;
  for (const key of Object.keys(value).sort()) {
    const child = value[key];
    const known = shape?.fields.get(key);
    if (known?.credential !== undefined) continue;
    if (known === undefined && typeof child === 'string' && isCredentialName(key)) continue;
    const mapped = toCanonical(child, known, salt);
    if (mapped === undefined) continue;
    canonical[key] = mapped;
    isEmpty = false;
  }
  return isEmpty ? undefined : canonical;
}

function asRecord(value: unknown): Json {
  return isRecord(value) ? value : {};
}

function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
