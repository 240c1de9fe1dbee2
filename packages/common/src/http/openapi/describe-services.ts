import type { BaseTrainerBackend } from '../../backends/base-trainer-backend.ts';
import { checkRules, type Demand } from '../../backends/rules.ts';
import { EXAMPLE_REQUESTS } from './examples.ts';

interface ExampleRequest {
  readonly summary: string;
  readonly description?: string;
  readonly value: object;
}
type Field = Extract<Demand, { oneOf: readonly string[] }>['field'];

/** The OpenAPI servers of these backends, where each listens by default. */
export function describeServers(backends: readonly BaseTrainerBackend[]) {
  return backends.map(({ name, defaults }) => ({
    url: `http://{host}:${defaults.port}`,
    description: `The ${name} service`,
    variables: { host: { default: 'localhost', description: 'Where the services run' } },
  }));
}

/** A table of what each backend takes and demands, in Markdown. */
export function describeDemands(backends: readonly BaseTrainerBackend[]): string {
  const rows = backends.map((backend) => {
    const cells = [
      backend.name,
      backend.defaults.port,
      valuesOf(backend, 'base_model.provider')?.join(', ') ?? 'any',
      valuesOf(backend, 'customization.method')?.join(', ') ?? 'any',
      toMinimums(backend),
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return [
    '| service | port | `base_model.provider` | `customization.method` | at least |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}

/** What a field with few values may hold for one of these backends; undefined for all of its schema's. */
export function allowedValues(
  backends: readonly BaseTrainerBackend[],
  field: Field,
): readonly string[] | undefined {
  const lists = backends.map((backend) => valuesOf(backend, field));
  return lists.some((list) => list === undefined) ? undefined : lists.flatMap((list) => list ?? []);
}

/** Bodies of `POST /train` as OpenAPI examples: each backend's own, and what else one of them takes. */
export function exampleRequests(
  backends: readonly BaseTrainerBackend[],
): Record<string, ExampleRequest> {
  const examples: Record<string, ExampleRequest> = {};
  for (const [id, { summary, value }] of Object.entries(EXAMPLE_REQUESTS)) {
    const takers = backends.filter((backend) => takes(backend, value)).map(({ name }) => name);
    const description = `Taken by ${takers.join(', ')}`;
    if (takers.length > 0) examples[id] = { summary, description, value };
  }
  for (const { name, title, example } of backends) {
    examples[name] = { summary: `A job of the ${title}`, value: example };
  }
  return examples;
}

function valuesOf({ rules }: BaseTrainerBackend, field: Field): readonly string[] | undefined {
  for (const { demand } of rules) {
    if (demand !== undefined && 'oneOf' in demand && demand.field === field) return demand.oneOf;
  }
  return undefined;
}

const UNITS = { 'resources.gpus': 'GPU', 'resources.memory_gb': 'GB of memory' };

function toMinimums({ rules }: BaseTrainerBackend): string {
  const texts = rules.flatMap(({ demand }) => {
    if (demand === undefined || !('minimum' in demand)) return [];
    const { field, minimum, forMethod } = demand;
    const unit = field === 'resources.gpus' && minimum > 1 ? 'GPUs' : UNITS[field];
    return [`${minimum} ${unit}${forMethod === undefined ? '' : ` for method ${forMethod}`}`];
  });
  return texts.join('; ');
}

function takes({ rules, format }: BaseTrainerBackend, body: unknown): boolean {
  const { request, violations } = format.parse(body);
  return request !== undefined && checkRules(rules, request, violations).length === 0;
}
