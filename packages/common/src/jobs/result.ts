import type { z } from 'zod';
import { jsonBytes } from '../json-bytes.ts';
import { ResultSchema } from '../requests/training-response.ts';
import type { JsonObject } from './job.ts';

/** A result as a record keeps it: the small form that goes with the state, and the whole. */
export interface Result {
  /** `MAX_COMPACT_BYTES` of JSON at most. */
  readonly compact: JsonObject;
  /** `MAX_WHOLE_BYTES` of JSON at most. */
  readonly whole: JsonObject;
}

export const MAX_COMPACT_BYTES = 1024;
const MAX_WHOLE_BYTES = 16 * 1024;
const MAX_TEXT_LENGTH = 4000;
const MAX_DEPTH = 8;
const MEMBERS = new Map<string, z.ZodType>(Object.entries(ResultSchema.shape));
/** What the small form holds; where it is too large, the last goes first. */
const COMPACT_NAMES = [
  'model_uri',
  'method',
  'engine',
  'rows',
  'steps',
  'loss',
  'eval_loss',
  'comparison',
] as const;

/**
 * What a training says of its result, fit to be kept and shown: every text masked, and the model
 * at `modelUri`, where the service knows it to be, whatever the training says. Pure.
 */
export function toResult(
  said: JsonObject,
  mask: (text: string) => string,
  modelUri: string | undefined,
): Result {
  const { model_uri: _theirs, ...rest } = clean(said, mask, 0) as JsonObject;
  const result = withoutUnfit({ ...(modelUri !== undefined && { model_uri: modelUri }), ...rest });
  return { compact: toCompact(result), whole: toWhole(result) };
}

/** Without members that are not as answers have them, such as a loss that is a text. Pure. */
export function withoutUnfit(result: JsonObject): JsonObject {
  const members = Object.entries(result);
  const fit = members.filter(([name, value]) => isFit(name, value));
  return fit.length === members.length ? result : Object.fromEntries(fit);
}

function isFit(name: string, value: unknown): boolean {
  const schema = MEMBERS.get(name);
  return schema === undefined || schema.safeParse(value).success;
}

/** What is wrong with a result by the training's own comparison with its base; empty when nothing is. */
export function readVerdict({ comparison }: JsonObject): string {
  const { verdict } = (comparison ?? {}) as { verdict?: unknown };
  if (!Array.isArray(verdict)) return '';
  return verdict.filter((sentence) => typeof sentence === 'string').join(' ');
}

function toCompact(result: JsonObject): JsonObject {
  const members = COMPACT_NAMES.flatMap((name) => {
    const value = name === 'comparison' ? withoutPrompts(result[name]) : result[name];
    return value === undefined || value === null ? [] : [[name, value] as const];
  });
  while (members.length > 0 && jsonBytes(Object.fromEntries(members)) > MAX_COMPACT_BYTES) {
    members.pop();
  }
  return Object.fromEntries(members);
}

/** Prompts, then the list of files go where it would be too large. */
function toWhole(result: JsonObject): JsonObject {
  if (jsonBytes(result) <= MAX_WHOLE_BYTES) return result;
  const shorter = { ...result, comparison: withoutPrompts(result.comparison) };
  if (jsonBytes(shorter) <= MAX_WHOLE_BYTES) return shorter;
  const { files: _files, ...least } = shorter as JsonObject;
  return jsonBytes(least) <= MAX_WHOLE_BYTES ? least : toCompact(result);
}

function withoutPrompts(comparison: unknown): unknown {
  if (typeof comparison !== 'object' || comparison === null) return undefined;
  const { prompts: _prompts, ...rest } = comparison as { prompts?: unknown };
  return rest;
}

function clean(value: unknown, mask: (text: string) => string, depth: number): unknown {
  if (typeof value === 'string') return mask(value).slice(0, MAX_TEXT_LENGTH);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return null;
  if (Array.isArray(value)) return value.map((item) => clean(item, mask, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, child]) => [
      mask(name).slice(0, MAX_TEXT_LENGTH),
      clean(child, mask, depth + 1),
    ]),
  );
}
