import { RecentCache } from '../recent-cache.ts';
import { asRecord, isRecord, type Json } from './is-record.ts';
import type { TrainingRequest } from './training-request.ts';

/*
 * The form of the first release, whose replicas compare its fingerprint and no other. Nothing here
 * may change: a repeated request would become a conflict wherever two releases run side by side.
 */

/** A request as the first release compares it: `canonical-request.ts` has the form that decides now. */
export function toFirstForm(body: Json, request: TrainingRequest): Json {
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
  if (typeof value === 'string') return withoutUrlSecrets(value);
  if (Array.isArray(value)) return value.map((item) => toCanonical(item) ?? null);
  if (!isRecord(value)) return value ?? undefined;
  const canonical: Record<string, unknown> = {};
  let isEmpty = true;
  for (const key of Object.keys(value).sort()) {
    const child = value[key];
    if (typeof child === 'string' && isFirstFormCredential(key)) continue;
    const mapped = toCanonical(child);
    if (mapped === undefined) continue;
    canonical[key] = mapped;
    isEmpty = false;
  }
  return isEmpty ? undefined : canonical;
}

const FIELDS = new Set([
  ...['auth_token', 'huggingface_token', 'auth_header', 'token', 'username', 'password'],
  ...['aws_access_key_id', 'aws_secret_access_key', 'aws_session_token'],
]);
const FREE_NAME =
  /(^|[-_.])(secret|password|passwd|credentials?|authorization|api[-_]?key|(access|private|secret)[-_]?key|(?<!(pad|eos|bos|unk|sep|cls|mask|special|max)[-_])token)$/i;

/** Asked of every text of every request, and the names are few. */
const knownNames = new RecentCache<boolean>({ maxSize: 2000 });

/** Whether the first release took a text of this name for a credential. */
export function isFirstFormCredential(key: string): boolean {
  return key.length > 64 ? judgeName(key) : knownNames.memo(key, judgeName);
}

function judgeName(key: string): boolean {
  const name = key.slice(-64).replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2');
  return FIELDS.has(key) || FREE_NAME.test(name);
}

function withoutUrlSecrets(text: string): string {
  if (!text.includes('://') || !/[@?]/.test(text)) return text;
  return text
    .replace(/(:\/\/)([^\s/?#"]*@)?/g, '$1')
    .replace(/(:\/\/[^\s?#"]*)(\?[^\s#"]*)?/g, '$1');
}
