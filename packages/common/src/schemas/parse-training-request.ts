import { z } from 'zod';
import { MAX_VIOLATIONS, type Violation } from '../errors.ts';
import { toViolation } from './issue-sentence.ts';
import { assertPlainObject } from './json-shape.ts';
import { type TrainingRequest, TrainingRequestSchema } from './training-request.ts';
import { createUnknownKeyFinder } from './unknown-keys.ts';

export interface ParsedRequest {
  /** What the schema refuses; empty for a valid request. */
  readonly violations: readonly Violation[];
  /**
   * The normalised request. With violations, the rest of it: refused values are replaced by valid
   * ones, so that rules about other fields can still speak. Undefined when nothing can be saved.
   */
  readonly request: TrainingRequest | undefined;
  /** The body as a JSON object, as it came. */
  readonly body: Readonly<Record<string, unknown>>;
  /** Sentences about what was accepted but will not act as its sender may think. */
  readonly warnings: readonly string[];
}

const compiled = z.compile(TrainingRequestSchema);
const describeUnknownKeys = createUnknownKeyFinder(TrainingRequestSchema);

/**
 * Parses the body of `POST /train`.
 * @throws TrainerError INVALID_REQUEST when the body is no JSON object that could be examined.
 */
export function parseTrainingRequest(body: unknown): ParsedRequest {
  assertPlainObject(body);
  const result = compiled.safeParse(body);
  if (!result.success) {
    const { issues } = result.error;
    const violations = issues.slice(0, MAX_VIOLATIONS + 1).map(toViolation);
    // So many would take seconds to repair, one by one.
    const request = issues.length > MAX_VIOLATIONS ? undefined : saveTheRest(body, issues);
    return { violations, request, body, warnings: [] };
  }
  const warnings = [...describeUnknownKeys(body), ...describeIgnored(body, result.data)];
  return { violations: [], request: result.data, body, warnings };
}

function describeIgnored(body: Record<string, unknown>, request: TrainingRequest): string[] {
  const given = body.customization as { qlora?: unknown } | null | undefined;
  const { method } = request.customization;
  if (given?.qlora == null || method === 'qlora') return [];
  return [`customization.qlora is ignored, since customization.method is ${method}`];
}

/** Stands in for refused parts; every rule about a stand-in is left out. */
const VALID_BODY: Record<string, unknown> = {
  job_id: 'x',
  base_model: { provider: 'custom', model_name: 'x' },
  datasets: [{ source: 'x', format: 'jsonl' }],
  artifacts: { log_uri: 'x', output_uri: 'x' },
};

function saveTheRest(
  body: Record<string, unknown>,
  issues: readonly z.core.$ZodIssue[],
): TrainingRequest | undefined {
  const copy = structuredClone(body);
  for (const { path } of issues) repair(copy, path);
  const result = TrainingRequestSchema.safeParse(copy);
  return result.success ? result.data : undefined;
}

function repair(body: Record<string, unknown>, path: readonly PropertyKey[]): void {
  let target: Record<PropertyKey, unknown> = body;
  let valid: unknown = VALID_BODY;
  for (const [index, segment] of path.entries()) {
    valid = childOf(valid, segment);
    const child = target[segment];
    if (index < path.length - 1 && typeof child === 'object' && child !== null) {
      target = child as Record<PropertyKey, unknown>;
      continue;
    }
    if (valid === undefined) delete target[segment];
    else target[segment] = structuredClone(valid);
    return;
  }
}

function childOf(value: unknown, segment: PropertyKey): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  // Every element of a list is as valid as the first.
  const key = Array.isArray(value) ? 0 : segment;
  return (value as Record<PropertyKey, unknown>)[key];
}

/** Whether a refused path lies on, above or below one that a rule reads. */
export function isAffected(reads: readonly string[], violations: readonly Violation[]): boolean {
  return violations.some(({ path }) =>
    reads.some((read) => isSameOrInside(read, path) || isSameOrInside(path, read)),
  );
}

function isSameOrInside(inner: string, outer: string): boolean {
  return inner === outer || inner.startsWith(`${outer}.`) || inner.startsWith(`${outer}[`);
}
