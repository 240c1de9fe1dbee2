import { hash } from 'node:crypto';
import { isCredentialName, replaceUrlSecrets } from './credentials.ts';
import type { TrainingRequest } from './training-request.ts';

type Json = Readonly<Record<string, unknown>>;

/**
 * What a request asks for, in a form in which equal requests are equal texts: before defaults,
 * without nulls and empty objects, without credentials, one spelling of what has two, keys sorted.
 */
export function toAsked(body: Json, request: TrainingRequest): Json {
  const { customization, tuning_parameters, extra_parameters, ...rest } = body;
  const { gradient_checkpointing, ...tuning } = asRecord(tuning_parameters);
  const asked = {
    ...rest,
    customization: oneSpelling(asRecord(customization), gradient_checkpointing),
    tuning_parameters: tuning,
    extra_parameters: toAskedExtras(asRecord(extra_parameters), request),
  };
  return asRecord(toCanonical(asked));
}

/** SHA-256 of the asked form, base64url. */
export function toFingerprint(asked: Json): string {
  return hash('sha256', JSON.stringify(asked), 'base64url');
}

/** Where two asked forms differ, as paths: `resources.gpus`, `customization.lora.rank`. */
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
      target_modules: target_modules ?? nested.target_modules,
      alpha: lora_alpha ?? nested.alpha,
      dropout: lora_dropout ?? nested.dropout,
    },
  };
}

/** Of the environment the names count, since its values may be credentials. */
function toAskedExtras(extras: Json, { extra_parameters: normalised }: TrainingRequest): Json {
  const { command: _command, trainer_env: _env, ...rest } = extras;
  return {
    ...rest,
    trainer_command: normalised.trainer_command,
    trainer_args: normalised.trainer_args,
    trainer_env: toNames(normalised.trainer_env),
  };
}

function toNames(env: Json | undefined): string[] | undefined {
  const names = Object.keys(env ?? {}).sort();
  return names.length > 0 ? names : undefined;
}

function toCanonical(value: unknown): unknown {
  if (typeof value === 'string') return replaceUrlSecrets(value, '', '');
  if (Array.isArray(value)) return value.map((item) => toCanonical(item) ?? null);
  if (!isRecord(value)) return value ?? undefined;
  const canonical: Record<string, unknown> = {};
  let isEmpty = true;
  for (const key of Object.keys(value).sort()) {
    const child = value[key];
    if (typeof child === 'string' && isCredentialName(key)) continue;
    const mapped = toCanonical(child);
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
