import { z } from 'zod';
import { MAX_VIOLATIONS, type Violation } from '../errors.ts';
import { type CredentialFields, findCredentialFields } from './credential-fields.ts';
import { toViolation } from './format-issue.ts';
import { assertPlainObject } from './json-shape.ts';
import { findAccelerators } from './node-resources.ts';
import { IGNORED_POD_FIELDS } from './pod-options.ts';
import { describeForRuntime } from './runtime-warnings.ts';
import { readShape, type SchemaShape } from './schema-shape.ts';
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

type Issue = z.core.$ZodIssue;

/** A schema, and what is derived from it. */
export interface RequestFormat {
  /** @throws TrainerError INVALID_REQUEST when the body is no JSON object that could be examined. */
  readonly parse: (body: unknown) => ParsedRequest;
  readonly shape: SchemaShape;
  /** Where a request may carry credentials. */
  readonly credentials: CredentialFields | undefined;
}

type Compiled = z.ZodType<TrainingRequest>;

/** Derives from a schema of requests how they are parsed, and what of them is secret. */
export function createRequestFormat(schema: z.ZodType<TrainingRequest>): RequestFormat {
  const compiled = z.compile(schema);
  const shape = readShape(schema);
  const describeUnknownKeys = createUnknownKeyFinder(shape);
  const parse = (body: unknown): ParsedRequest => {
    assertPlainObject(body);
    const result = compiled.safeParse(body);
    if (!result.success) {
      return { ...examine(compiled, body, result.error.issues), body, warnings: [] };
    }
    const warnings = [...describeUnknownKeys(body), ...describeIgnored(body, result.data)];
    return { violations: [], request: result.data, body, warnings };
  };
  return { parse, shape, credentials: findCredentialFields(shape) };
}

/** The format that all services share. */
export const REQUEST_FORMAT = createRequestFormat(TrainingRequestSchema);

/**
 * Parses the body of `POST /train`.
 * @throws TrainerError INVALID_REQUEST when the body is no JSON object that could be examined.
 */
export function parseTrainingRequest(body: unknown): ParsedRequest {
  return REQUEST_FORMAT.parse(body);
}

function describeIgnored(body: Record<string, unknown>, request: TrainingRequest): string[] {
  return [
    ...describeQlora(body, request),
    ...describeTokens(request),
    ...describePodFields(request),
    ...describeForRuntime(request),
  ];
}

function describeTokens({ base_model }: TrainingRequest): string[] {
  const { auth_token, huggingface_token } = base_model;
  const isDropped = auth_token !== undefined && huggingface_token !== undefined;
  if (!isDropped || auth_token === huggingface_token) return [];
  return ['base_model.auth_token is ignored, since base_model.huggingface_token goes before it'];
}

function describePodFields({ resources, extra_parameters: extra }: TrainingRequest): string[] {
  const { resources_per_node, priority_class_name, queue_name } = extra;
  const hasGpus = resources_per_node === undefined || findAccelerators(resources_per_node).size > 0;
  return [
    ...Object.keys(extra)
      .filter((name) => IGNORED_POD_FIELDS.has(name))
      .map((name) => `extra_parameters.${name} is not acted on; it belongs into the runtime`),
    ...(priority_class_name === undefined || queue_name !== undefined
      ? []
      : [
          'extra_parameters.priority_class_name is ignored without extra_parameters.queue_name, since only Kueue acts on it',
        ]),
    ...(hasGpus || resources.gpus === 0
      ? []
      : ['extra_parameters.resources_per_node names no GPU, so the pods get none']),
  ];
}

function describeQlora(body: Record<string, unknown>, request: TrainingRequest): string[] {
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

/** More rounds than any place is deep, since each goes at least one level up. */
const MAX_ROUNDS = 8;

/**
 * All that the schema refuses, and what is left without it. Conflicts and aliases are looked at only
 * where all else is right, so one refusal may hide another until it is repaired.
 */
function examine(
  compiled: Compiled,
  body: Record<string, unknown>,
  firstIssues: readonly Issue[],
): Pick<ParsedRequest, 'violations' | 'request'> {
  const violations: Violation[] = [];
  let repaired: PropertyKey[][] = [];
  const copy = structuredClone(body);
  let issues = firstIssues;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const isLeftOver = ({ path }: Issue) => repaired.some((place) => isInside(place, path));
    const found = issues.filter((issue) => !isLeftOver(issue)).slice(0, MAX_VIOLATIONS + 1);
    violations.push(...found.map(toViolation));
    // So many would take seconds to repair, one by one.
    if (issues.length > MAX_VIOLATIONS) break;
    const places = issues.map((issue) =>
      // What cannot do without its refused part goes as a whole.
      issue.path.slice(0, isLeftOver(issue) ? Math.max(1, issue.path.length - round) : undefined),
    );
    for (const place of places) repair(copy, place);
    repaired = [...repaired, ...places];
    const result = compiled.safeParse(copy);
    if (result.success) return { violations, request: result.data };
    issues = result.error.issues;
  }
  return { violations, request: undefined };
}

/** Whether one of the two places lies on or inside the other. */
function isInside(left: readonly PropertyKey[], right: readonly PropertyKey[]): boolean {
  return left.every((segment, index) => index >= right.length || segment === right[index]);
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
