import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { BaseTrainerBackend } from '../../backends/base-trainer-backend.ts';
import { CALLBACKS } from './callback-description.ts';
import { allowedValues, exampleRequests } from './describe-services.ts';
import {
  EXAMPLE_CALLBACK_SETTINGS,
  EXAMPLE_DELIVERIES,
  EXAMPLE_DELIVERY_LISTS,
  EXAMPLE_JOB_REQUESTS,
  EXAMPLE_METRICS,
  EXAMPLE_REPLAYS,
  EXAMPLE_RERUNS,
  EXAMPLE_RESPONSES,
  EXAMPLE_VERSIONS,
} from './examples.ts';
import { exampleProblems } from './problem-responses.ts';
import { spreadTypes } from './spread-types.ts';
import { ZOD_TO_JSON } from './zod-to-json.ts';

interface MediaType {
  schema?: unknown;
  examples?: Record<string, unknown>;
}
interface Response {
  content?: Record<string, MediaType>;
  headers?: Record<string, unknown>;
}
interface Parameter {
  schema?: Record<string, unknown>;
  style?: unknown;
  explode?: unknown;
}
interface Operation {
  operationId?: string;
  parameters?: Parameter[];
  requestBody?: { content: Record<string, MediaType> };
  responses: Record<string, Response>;
  callbacks?: unknown;
}
type Schemas = Record<string, unknown>;
/** The parts of an OpenAPI document that are looked at here. */
export interface UnfinishedDescription {
  readonly paths?: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Schemas } & Record<string, unknown>;
}

const SCHEMA_REF = /"#\/components\/schemas\/(\w+)"/g;

const HEADERS = {
  'X-Request-Id': {
    description: "The request's own, when it had one, else a new one; the log knows it",
    schema: { type: 'string' },
  },
  'Retry-After': {
    description: 'Seconds until it is worth another try',
    schema: { type: 'integer', minimum: 1 },
  },
  'WWW-Authenticate': {
    description: 'How to authenticate',
    schema: { type: 'string', examples: ['Bearer realm="trainer"'] },
  },
  Location: {
    description: 'Path of the job',
    schema: { type: 'string', examples: ['/train/unique-train-id'] },
  },
  ETag: {
    description: 'The `revision` of the job, for `If-None-Match`',
    schema: { type: 'string', examples: ['W/"4"'] },
  },
  'Idempotent-Replayed': {
    description:
      'Given when the same request had been submitted before, so that nothing was created',
    schema: { type: 'string', enum: ['true'] },
  },
};
type HeaderName = keyof typeof HEADERS;

const EXAMPLES: Record<string, Record<string, unknown>> = {
  submitJob: { submitted: EXAMPLE_RESPONSES.submitted },
  rerunJob: { submitted: EXAMPLE_RESPONSES.rerun },
  getJob: { running: EXAMPLE_RESPONSES.running },
  cancelJob: { cancelled: EXAMPLE_RESPONSES.cancelled },
  getDeliveries: EXAMPLE_DELIVERIES,
  listDeliveries: EXAMPLE_DELIVERY_LISTS,
  replayManyDeliveries: EXAMPLE_REPLAYS,
  patchCallbacks: EXAMPLE_CALLBACK_SETTINGS,
  getJobMetrics: EXAMPLE_METRICS,
  getJobRequest: EXAMPLE_JOB_REQUESTS,
  getVersion: EXAMPLE_VERSIONS,
  replayDeliveries: EXAMPLE_DELIVERIES,
};

const TELLS_REVISION: ReadonlySet<string> = new Set([
  ...['submitJob', 'rerunJob', 'getJob', 'cancelJob'].map((operationId) => `200 ${operationId}`),
  '304 getJob',
]);
const MAKES_JOB: ReadonlySet<string> = new Set(['submitJob', 'rerunJob']);

const RESTRICTED = [
  ['ModelReference', 'provider', 'base_model.provider'],
  ['Customization', 'method', 'customization.method'],
] as const;

/** Adds to a description what routes cannot say, and leaves out the schemas that nothing uses. */
export function finishDescription(
  description: UnfinishedDescription,
  backends: readonly BaseTrainerBackend[],
): unknown {
  for (const item of Object.values(description.paths ?? {})) {
    for (const operation of Object.values(item)) finishOperation(operation, backends);
  }
  narrowSchemas(description.components.schemas, backends);
  addParameters(description.components.schemas, backends);
  const finished = withSimpleNames({
    ...description,
    components: {
      ...description.components,
      headers: HEADERS,
      examples: exampleProblems(description.paths ?? {}),
    },
  });
  return spreadTypes(finished);
}

function finishOperation(operation: Operation, backends: readonly BaseTrainerBackend[]): void {
  const { operationId = '', requestBody, responses } = operation;
  operation.parameters?.forEach(liftStyle);
  for (const [status, response] of Object.entries(responses)) {
    response.headers = Object.fromEntries(
      headersOf(operationId, status).map((name) => [
        name,
        { $ref: `#/components/headers/${name}` },
      ]),
    );
    if (response.content !== undefined) response.content = withTexts(response.content);
    const answer = response.content?.['application/json'];
    const examples = EXAMPLES[operationId];
    if (answer !== undefined && examples !== undefined) answer.examples = examples;
  }
  if (operationId === 'rerunJob') {
    const body = requestBody?.content['application/json'];
    if (body !== undefined) body.examples = EXAMPLE_RERUNS;
  }
  if (operationId !== 'submitJob' && operationId !== 'planJob') return;
  if (operationId === 'submitJob') operation.callbacks = CALLBACKS;
  const body = requestBody?.content['application/json'];
  if (body !== undefined) body.examples = exampleRequests(backends);
}

/** How a parameter is written stands beside its schema, not in it. */
function liftStyle(parameter: Parameter): void {
  const { style, explode, ...schema } = parameter.schema ?? {};
  if (style !== undefined) Object.assign(parameter, { style, explode, schema });
}

/** Where an answer has several forms, those for people are no objects. */
function withTexts(content: Record<string, MediaType>): Record<string, MediaType> {
  const types = Object.entries(content);
  if (types.length < 2) return content;
  return Object.fromEntries(
    types.map(([type, media]) => [
      type,
      type.startsWith('text/') ? { schema: { type: 'string' } } : media,
    ]),
  );
}

function headersOf(operationId: string, status: string): HeaderName[] {
  const isProblem = operationId !== 'getReadiness';
  return [
    'X-Request-Id',
    ...(MAKES_JOB.has(operationId) && status === '200'
      ? (['Location', 'Idempotent-Replayed'] as const)
      : []),
    ...(TELLS_REVISION.has(`${status} ${operationId}`) ? (['ETag'] as const) : []),
    ...(status === '401' ? (['WWW-Authenticate'] as const) : []),
    ...((status === '429' || status === '503') && isProblem ? (['Retry-After'] as const) : []),
  ];
}

/** Leaves each field that backends restrict only the values that one of them takes. */
function narrowSchemas(schemas: Schemas, backends: readonly BaseTrainerBackend[]): void {
  for (const [schema, property, field] of RESTRICTED) {
    const allowed = allowedValues(backends, field);
    if (allowed === undefined) continue;
    for (const name of [schema, `${schema}Input`]) {
      const { properties } = (schemas[name] ?? {}) as { properties?: Schemas };
      narrowEnums(properties?.[property], allowed);
    }
  }
}

/** Adds the extra parameters of these backends to those of every service. */
function addParameters(schemas: Schemas, backends: readonly BaseTrainerBackend[]): void {
  const { properties } = (schemas.ExtraParametersInput ?? {}) as { properties?: Schemas };
  if (properties === undefined) return;
  for (const { name, schema } of backends.flatMap(({ extraParameters }) => extraParameters)) {
    const { $schema: _, ...described } = z.toJSONSchema(schema, { io: 'input', ...ZOD_TO_JSON });
    properties[name] = described;
  }
}

function narrowEnums(schema: unknown, allowed: readonly string[]): void {
  if (typeof schema !== 'object' || schema === null) return;
  const node = schema as { enum?: unknown[]; anyOf?: unknown[] };
  if (node.enum !== undefined) {
    node.enum = node.enum.filter((value) => value === null || allowed.includes(String(value)));
  }
  for (const variant of node.anyOf ?? []) narrowEnums(variant, allowed);
}

/** Schemas come as what is sent (`JobInput`) and what is answered (`Job`): where one will do, as `Job`. */
function withSimpleNames(description: UnfinishedDescription): UnfinishedDescription {
  const { schemas } = description.components;
  const used = findUsed(description.paths, schemas);
  const simple = (name: string) => {
    const short = name.replace(/Input$/, '');
    const isFree = !used.has(short) || isDeepStrictEqual(schemas[short], schemas[name]);
    return isFree ? short : name;
  };
  const renamed = (value: unknown) =>
    JSON.parse(
      JSON.stringify(value).replaceAll(
        SCHEMA_REF,
        (_, name: string) => `"#/components/schemas/${simple(name)}"`,
      ),
    );
  return renamed({
    ...description,
    components: {
      ...description.components,
      schemas: Object.fromEntries([...used].sort().map((name) => [simple(name), schemas[name]])),
    },
  });
}

/** The names of the schemas that `root` refers to, also by way of other schemas. */
function findUsed(root: unknown, schemas: Schemas): Set<string> {
  const used = new Set<string>();
  const visit = (value: unknown) => {
    for (const [, name = ''] of JSON.stringify(value).matchAll(SCHEMA_REF)) {
      if (used.has(name)) continue;
      used.add(name);
      visit(schemas[name]);
    }
  };
  visit(root);
  return used;
}
