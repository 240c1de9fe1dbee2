import { readFile } from 'node:fs/promises';
import { TrainingRequestSchema } from '@trainer/common';
import { guideExample, startTestService } from '@trainer/common/testing';
import { exampleRequests } from '@trainer/common/testing/internals';
import { findService, services } from '@trainer/services';
import { expect, it } from 'vitest';
import { describeApi } from '../scripts/describe-api.ts';

const committed = await readFile(new URL('../docs/openapi.json', import.meta.url), 'utf8');
const description = JSON.parse(committed);
const operations = Object.entries<Record<string, Operation>>(description.paths).flatMap(
  ([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
);

interface Operation {
  readonly operationId: string;
  readonly security: readonly object[];
  readonly parameters?: readonly object[];
  readonly responses: Record<
    string,
    { headers?: object; content?: Record<string, { examples?: object }> }
  >;
}

it('is committed as it is served', async () => {
  expect(committed, 'docs/openapi.json is stale: npm run openapi').toBe(await describeApi());
});

const PROVIDERS = ['ModelReference', 'provider'] as const;
const METHODS = ['Customization', 'method'] as const;

/** The values that a description names for a field. */
function valuesOf(of: typeof description, [schema, property]: readonly [string, string]): string[] {
  const field = of.components.schemas[schema].properties[property];
  return field.enum ?? field.anyOf[0].enum;
}

it.each([
  ['nemo', PROVIDERS, ['nemo', 'nemotron', 'bim']],
  ['meta', PROVIDERS, ['meta', 'huggingface']],
  ['hf-unsloth', PROVIDERS, ['meta', 'huggingface', 'mistral', 'tii', 'custom']],
  ['nemo', METHODS, ['full', 'lora', 'qlora', 'peft', 'adapter']],
  ['hf-unsloth', METHODS, ['lora', 'qlora', 'peft']],
])('the description of %s names only what it takes as %j', async (name, field, values) => {
  const { backend, port } = findService(name);
  await using service = await startTestService({ backend });
  const { body } = await service.request('/openapi.json');
  expect(valuesOf(body, field)).toEqual(values);
  expect(body.info.title).toBe(backend.title);
  expect(body.servers).toMatchObject([{ url: `http://{host}:${port}` }]);
  const names = services.map((each) => each.name);
  const described = names.filter((each) => body.info.description.includes(`\n| ${each} |`));
  expect(described).toEqual([name]);
});

it('is the union of what the services take and say', async () => {
  const bodies = await Promise.all(
    services.map(async ({ backend }) => {
      await using service = await startTestService({ backend });
      return (await service.request('/openapi.json')).body;
    }),
  );
  for (const field of [PROVIDERS, METHODS]) {
    const union = new Set(bodies.flatMap((body) => valuesOf(body, field)));
    expect(new Set(valuesOf(description, field))).toEqual(union);
  }
  const parametersOf = ({ components }: typeof description) =>
    Object.keys(components.schemas.ExtraParameters.properties);
  expect(new Set(parametersOf(description))).toEqual(new Set(bodies.flatMap(parametersOf)));
  const owned = services.flatMap(({ backend }) => backend.extraParameters.map(({ name }) => name));
  expect(description.servers).toEqual(bodies.flatMap(({ servers }) => servers));
  const rest = ({ components, paths }: typeof description) => {
    const {
      ModelReference: _,
      Customization: __,
      ExtraParameters,
      ...schemas
    } = components.schemas;
    const shared = Object.entries(ExtraParameters.properties).filter(
      ([name]) => !owned.includes(name),
    );
    const { examples: ___, ...media } =
      paths['/train'].post.requestBody.content['application/json'];
    return {
      schemas,
      shared: Object.fromEntries(shared),
      media,
      responses: paths['/train'].post.responses,
    };
  };
  for (const body of bodies) expect(rest(body)).toEqual(rest(description));
});

it('defines each schema once, under a simple name', () => {
  const names = Object.keys(description.components.schemas);
  expect(names).toEqual(expect.arrayContaining(['TrainingRequest', 'TrainingResponse', 'Problem']));
  expect(names.filter((name) => /Input|Output/.test(name))).toEqual([]);
});

const PUBLIC = ['/healthz', '/readyz', '/metrics', '/version'];

it('gives an example of every problem, and both ways to authenticate', () => {
  const { examples, securitySchemes } = description.components;
  expect(Object.keys(securitySchemes)).toEqual(['trainerToken', 'bearerToken']);
  for (const { path, operation } of operations) {
    expect(operation.security).toHaveLength(PUBLIC.includes(path) ? 0 : 2);
    for (const [status, { content }] of Object.entries(operation.responses)) {
      for (const code of Object.keys(content?.['application/problem+json']?.examples ?? {})) {
        expect(examples[code].value).toMatchObject({ code, status: Number(status) });
      }
    }
  }
});

it('says what every field means', () => {
  const { TrainingRequest, ...others } = description.components.schemas;
  const sections = Object.keys(TrainingRequest.properties);
  expect(sections).toContain('datasets');
  for (const schema of [TrainingRequest, ...Object.values<typeof TrainingRequest>(others)]) {
    for (const [name, field] of Object.entries<Record<string, unknown>>(schema.properties ?? {})) {
      expect(field, name).toSatisfy(
        (it) => 'description' in it || '$ref' in it || 'properties' in it,
      );
    }
  }
});

/** Every object in the description, with its path. */
function* nodesOf(value: unknown, path = ''): Generator<[string, Record<string, unknown>]> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield [path, value as Record<string, unknown>];
  for (const [key, child] of Object.entries(value)) yield* nodesOf(child, `${path}/${key}`);
}

it('has patterns that JavaScript without flags, Python and RE2 read alike', () => {
  const patterns = new Set(
    [...nodesOf(description)].flatMap(([, { pattern }]) =>
      typeof pattern === 'string' ? [pattern] : [],
    ),
  );
  expect(patterns.size).toBeGreaterThan(5);
  for (const pattern of patterns) {
    expect(() => new RegExp(pattern), pattern).not.toThrow();
    // Classes of Unicode, octal characters, references back, and looking around.
    expect(pattern).not.toMatch(/\\[pPu0-9kcbB]|\(\?(?!:)/);
  }
});

it('has no list of types beyond one type and null, and no object for a default', () => {
  for (const [path, node] of nodesOf(description.components.schemas)) {
    if (Array.isArray(node.type)) {
      expect(node.type, path).toHaveLength(2);
      expect(node.type, path).toContain('null');
    }
    if ('default' in node && !path.endsWith('/properties')) {
      expect([node.default].flat(), path).not.toContainEqual(expect.any(Object));
    }
  }
});

it('has the defaults that the services fill in', () => {
  const { Resources, ModelReference } = description.components.schemas;
  expect(Resources.properties.memory_gb.default).toBe(64);
  expect(ModelReference.properties.revision.default).toBe('main');
});

const requests = services.flatMap(({ backend }) => {
  const examples = exampleRequests([backend]);
  return Object.entries(examples).map(([id, { value }]) => ({ backend, id, value }));
});

it.each(requests)(
  'shows $backend.name an example that is valid: $id',
  async ({ backend, value }) => {
    expect(TrainingRequestSchema.safeParse(value)).toMatchObject({ success: true });
    // The kinds of GPU are the operator's.
    const env = { TRAINER_GPU_TYPES: JSON.stringify({ A100: {}, H100: {}, L4: {} }) };
    await using service = await startTestService({ backend, env });
    const { callbacks: _, ...request } = value as { callbacks?: object };
    const answer = await service.post('/train', request);
    expect(answer.status).toBe(200);
    expect(answer.body.metadata.warnings).toEqual([]);
  },
);

it('shows every example that a service shows', () => {
  const { examples } = description.paths['/train'].post.requestBody.content['application/json'];
  expect(new Set(Object.keys(examples))).toEqual(new Set(requests.map(({ id }) => id)));
});

it('tells the callbacks of a job', () => {
  const { jobChanged } = description.paths['/train'].post.callbacks;
  expect(jobChanged['{$request.body#/callbacks/webhook_url}'].post).toMatchObject({
    parameters: [
      { name: 'webhook-id' },
      { name: 'webhook-timestamp' },
      { name: 'webhook-signature' },
    ],
    requestBody: {
      content: { 'application/json': { schema: { $ref: '#/components/schemas/CallbackEvent' } } },
    },
  });
});

it('says how the labels of a list are written', () => {
  const { parameters } = description.paths['/train'].get;
  const label = parameters.find(({ name }: { name: string }) => name === 'label');
  expect(label).toMatchObject({ style: 'deepObject', explode: true });
  expect(label.schema).not.toHaveProperty('style');
});

it('tells only of statuses that routes answer with', async () => {
  await using service = await startTestService({ env: { TRAINER_API_TOKEN: 'right' } });
  const token = { 'x-trainer-token': 'right' };
  const answers = [
    ['submitJob', await service.post('/train', {})],
    ['submitJob', await service.post('/train', {}, { 'x-trainer-token': 'wrong' })],
    ['submitJob', await service.post('/train', {}, token)],
    ['submitJob', await service.post('/train', 'x', { ...token, 'content-type': 'text/plain' })],
    ['submitJob', await service.post('/train', 'x'.repeat(300_000), token)],
    ['getJob', await service.request('/train/none', { headers: token })],
    ['getJob', await service.request('/train/%ff', { headers: token })],
    ['cancelJob', await service.post('/train/none/cancel', undefined, token)],
    ['cancelJob', await service.post('/train/none/cancel', 'x'.repeat(300_000), token)],
  ] as const;
  for (const [operationId, { status, body }] of answers) {
    const found = operations.find(({ operation }) => operation.operationId === operationId);
    const told =
      found?.operation.responses[status]?.content?.['application/problem+json']?.examples;
    expect(told, `${operationId} ${status}`).toHaveProperty(body.code);
  }
});

it('has a page that works without outside hosts, over plain HTTP too', async () => {
  await using service = await startTestService();
  const page = await service.request('/docs/');
  expect(page.status).toBe(200);
  expect(page.headers.get('content-security-policy')).not.toContain('upgrade-insecure-requests');
  const assets = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url = '']) => url);
  expect(assets.length).toBeGreaterThan(3);
  for (const asset of assets) {
    expect(asset).not.toMatch(/^(https?:)?\/\//);
    const { pathname } = new URL(asset, `${service.url}/docs/`);
    expect((await service.request(pathname)).status, asset).toBe(200);
  }
  const settings = await service.request('/docs/static/swagger-initializer.js');
  expect(settings.text).toContain('"validatorUrl":null');
  const { servers } = (await service.request('/docs/json')).body;
  expect(servers[0].url).toBe('/');
});

it('tells how polls and streams go on, as they are answered', async () => {
  await using service = await startTestService();
  const { callbacks: _, ...request } = guideExample;
  expect((await service.post('/train', request)).headers.get('etag')).not.toBeNull();
  const path = `/train/${request.job_id}`;
  await service.getUntil(request.job_id, ({ status }) => status === 'succeeded');
  const tag = (await service.request(path)).headers.get('etag') ?? '';
  const { revision } = (await service.request(`${path}/events`)).body;
  const asStream = { accept: 'text/event-stream' };
  const ask = (at: string, headers: Record<string, string>) => service.request(at, { headers });
  const answers = [
    ['getJob', 'If-None-Match', await ask(`${path}?wait=0.01`, { 'if-none-match': tag })],
    ['getHistory', 'Last-Event-ID', await ask(`${path}/events`, asStream)],
    [
      'getHistory',
      'Last-Event-ID',
      await ask(`${path}/events`, { ...asStream, 'last-event-id': String(revision) }),
    ],
    ['getJobLogs', 'Last-Event-ID', await ask(`${path}/logs`, { 'last-event-id': 'end' })],
    [
      'streamEvents',
      'Last-Event-ID',
      await service.request('/events', { method: 'HEAD', headers: asStream }),
    ],
  ] as const;
  expect(answers.map(([, , { status }]) => status)).toEqual([304, 200, 204, 204, 200]);
  for (const [operationId, header, { status, headers }] of answers) {
    const operation = operations.find(
      (each) => each.operation.operationId === operationId,
    )?.operation;
    expect(operation?.parameters, operationId).toContainEqual(
      expect.objectContaining({ in: 'header', name: header, required: false }),
    );
    const told = operation?.responses[status];
    expect(told, `${operationId} ${status}`).toBeDefined();
    expect('ETag' in (told?.headers ?? {}), operationId).toBe(headers.has('etag'));
    const [type = ''] = (headers.get('content-type') ?? '').split(';');
    if (status === 200) expect(told?.content, operationId).toHaveProperty([type]);
  }
});
