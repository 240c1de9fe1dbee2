import { readFile } from 'node:fs/promises';

interface Service {
  readonly name: string;
  /** Of the variable that holds its address. */
  readonly variable: string;
  readonly port: number;
  readonly example: string;
  /** What its own rules refuse, as a change of the example, with the path that is named. */
  readonly refused: { readonly path: string; readonly changes: object };
}

const SERVICES: readonly Service[] = [
  {
    name: 'NeMo Customizer API',
    variable: 'nemoUrl',
    port: 8081,
    example: 'nemo',
    refused: {
      path: 'base_model.provider',
      changes: { base_model: { provider: 'huggingface', model_name: 'gpt2' } },
    },
  },
  {
    name: 'Meta Adapter API',
    variable: 'metaUrl',
    port: 8082,
    example: 'meta',
    refused: { path: 'resources.gpus', changes: { resources: { gpus: 1, memory_gb: 256 } } },
  },
  {
    name: 'Hugging Face + Unsloth API',
    variable: 'hfUnslothUrl',
    port: 8083,
    example: 'hf-unsloth',
    refused: { path: 'customization.method', changes: { customization: { method: 'full' } } },
  },
];

interface RequestParts {
  readonly name: string;
  readonly method?: 'GET' | 'POST';
  readonly path: string;
  /** Lines of script that judge the answer. */
  readonly tests: readonly string[];
  /** Lines of script that run before. */
  readonly before?: readonly string[];
  readonly body?: object | string;
  readonly contentType?: string;
  readonly token?: string | undefined;
}

/** The Postman collection (v2.1) of the three services, as the text of a file. */
export async function describePostman(): Promise<string> {
  const collection = {
    info: {
      name: 'Trainer APIs',
      description:
        'Health, submit, status, cancel and the error cases of each service. Set `token` where the services want one. The requests of a folder build on each other, so run it from its top.',
      schema: 'https://schema.getpostman.com/json/collection/v2.1.0/collection.json',
    },
    variable: [
      ...SERVICES.map(({ variable, port }) => ({
        key: variable,
        value: `http://localhost:${port}`,
      })),
      { key: 'token', value: '' },
      { key: 'jobId', value: '' },
    ],
    item: await Promise.all(SERVICES.map(toFolder)),
  };
  return `${JSON.stringify(collection, null, 2)}\n`;
}

async function toFolder(service: Service) {
  const file = new URL(`../docs/examples/${service.example}.json`, import.meta.url);
  const request = { ...JSON.parse(await readFile(file, 'utf8')), job_id: '{{jobId}}' };
  const items = [...jobRequests(service, request), ...errorRequests(service, request)];
  return { name: service.name, item: items.map((parts) => toItem(service, parts)) };
}

const status = (code: number) =>
  `pm.test('answers ${code}', () => pm.response.to.have.status(${code}));`;
const answer = (name: string, ...lines: string[]) => [
  `pm.test(${JSON.stringify(name)}, () => {`,
  '  const body = pm.response.json();',
  ...lines.map((line) => `  ${line}`),
  '});',
];
const refusal = (code: number, problem: string, ...lines: string[]) => [
  status(code),
  ...answer(
    `explains ${problem}`,
    "pm.expect(pm.response.headers.get('content-type')).to.include('application/problem+json');",
    `pm.expect(body.code).to.equal('${problem}');`,
    `pm.expect(body.status).to.equal(${code});`,
    "pm.expect(body.detail).to.be.a('string').and.not.empty;",
    ...lines,
  ),
];
const whenTokenIsSet = (lines: readonly string[]) => [
  "if (pm.variables.get('token')) {",
  ...lines.map((line) => `  ${line}`),
  '} else {',
  "  pm.test.skip('needs a service that wants a token', () => {});",
  '}',
];

function jobRequests({ example }: Service, request: object): RequestParts[] {
  return [
    {
      name: 'Health',
      path: '/healthz',
      token: undefined,
      tests: [
        status(200),
        ...answer('is alive', "pm.expect(body).to.deep.equal({ status: 'ok' });"),
      ],
    },
    {
      name: 'Submit',
      method: 'POST',
      path: '/train',
      body: request,
      before: [`pm.collectionVariables.set('jobId', \`postman-${example}-\${Date.now()}\`);`],
      tests: [
        status(200),
        ...answer(
          'accepts the job',
          "const jobId = pm.variables.get('jobId');",
          'pm.expect(body.job_id).to.equal(jobId);',
          "pm.expect(body.status).to.equal('submitted');",
          "pm.expect(body.detail).to.equal('Job accepted for processing');",
          `pm.expect(body.metadata.backend).to.equal('${example}');`,
          "pm.expect(body.metadata.job_spec.train_job.kind).to.equal('TrainJob');",
          "pm.expect(pm.response.headers.get('location')).to.equal('/train/' + jobId);",
        ),
      ],
    },
    {
      name: 'Submit again',
      method: 'POST',
      path: '/train',
      body: request,
      tests: [
        status(200),
        ...answer(
          'creates nothing',
          "pm.expect(body.job_id).to.equal(pm.variables.get('jobId'));",
          "pm.expect(pm.response.headers.get('idempotent-replayed')).to.equal('true');",
        ),
      ],
    },
    {
      name: 'Submit something else under the same id (409)',
      method: 'POST',
      path: '/train',
      body: { ...request, tuning_parameters: { num_epochs: 77 } },
      tests: refusal(
        409,
        'JOB_CONFLICT',
        "pm.expect(body.detail).to.include('tuning_parameters.num_epochs');",
      ),
    },
    {
      name: 'Status',
      path: '/train/{{jobId}}',
      tests: [
        status(200),
        ...answer(
          'tells the state',
          "pm.expect(body.job_id).to.equal(pm.variables.get('jobId'));",
          "pm.expect(body.status).to.be.oneOf(['submitted', 'running', 'succeeded']);",
        ),
      ],
    },
    {
      name: 'Cancel',
      method: 'POST',
      path: '/train/{{jobId}}/cancel',
      tests: [
        status(200),
        ...answer(
          'cancels the job, unless it has ended',
          "pm.expect(body.status).to.be.oneOf(['cancelled', 'succeeded']);",
          'pm.expect(body.detail).to.match(/^Job (cancellation requested|already succeeded)/);',
        ),
      ],
    },
    {
      name: 'Cancel again',
      method: 'POST',
      path: '/train/{{jobId}}/cancel',
      tests: [
        status(200),
        ...answer('changes nothing', 'pm.expect(body.detail).to.match(/^Job already/);'),
      ],
    },
  ];
}

function errorRequests({ refused }: Service, request: object): RequestParts[] {
  return [
    {
      name: 'Submit what breaks the schema (400, every violation)',
      method: 'POST',
      path: '/train',
      body: { job_id: 'not a valid id', resources: { gpus: -1 }, datasets: [] },
      tests: refusal(
        400,
        'INVALID_REQUEST',
        'const paths = body.errors.map(({ path }) => path);',
        "pm.expect(paths).to.include.members(['job_id', 'base_model', 'resources.gpus', 'datasets', 'artifacts']);",
        'for (const { message } of body.errors) pm.expect(body.detail).to.include(message);',
      ),
    },
    {
      name: 'Submit what breaks a rule of this service (400)',
      method: 'POST',
      path: '/train',
      body: { ...request, job_id: 'postman-refused', ...refused.changes },
      tests: refusal(
        400,
        'INVALID_REQUEST',
        `pm.expect(body.errors.map(({ path }) => path)).to.include('${refused.path}');`,
      ),
    },
    {
      name: 'Submit what is no JSON (400)',
      method: 'POST',
      path: '/train',
      body: '{"job_id": ',
      tests: refusal(400, 'MALFORMED_BODY'),
    },
    {
      name: 'Without a token (401)',
      path: '/train/postman-unknown',
      token: undefined,
      tests: whenTokenIsSet(refusal(401, 'UNAUTHENTICATED')),
    },
    {
      name: 'With a wrong token (403)',
      path: '/train/postman-unknown',
      token: 'not-{{token}}',
      tests: whenTokenIsSet(refusal(403, 'FORBIDDEN')),
    },
    {
      name: 'Status of an unknown job (404)',
      path: '/train/postman-unknown',
      tests: refusal(404, 'JOB_NOT_FOUND'),
    },
    {
      name: 'Cancel an unknown job (404)',
      method: 'POST',
      path: '/train/postman-unknown/cancel',
      tests: refusal(404, 'JOB_NOT_FOUND'),
    },
    {
      name: 'Submit what is too large (413)',
      method: 'POST',
      path: '/train',
      before: ["pm.variables.set('large', JSON.stringify({ job_id: 'x'.repeat(300000) }));"],
      body: '{{large}}',
      tests: refusal(413, 'PAYLOAD_TOO_LARGE'),
    },
    {
      name: 'Submit with another media type (415)',
      method: 'POST',
      path: '/train',
      body: 'job_id=postman',
      contentType: 'text/plain',
      tests: refusal(415, 'UNSUPPORTED_MEDIA_TYPE'),
    },
  ];
}

function toItem({ variable }: Service, parts: RequestParts) {
  const { name, method = 'GET', path, body, contentType = 'application/json', before } = parts;
  const token = 'token' in parts ? parts.token : '{{token}}';
  const script = (listen: string, exec: readonly string[]) => ({
    listen,
    script: { type: 'text/javascript', exec },
  });
  return {
    name,
    event: [...(before ? [script('prerequest', before)] : []), script('test', parts.tests)],
    request: {
      method,
      header: [
        ...(token === undefined ? [] : [{ key: 'X-TRAINER-TOKEN', value: token }]),
        ...(body === undefined ? [] : [{ key: 'Content-Type', value: contentType }]),
      ],
      url: {
        raw: `{{${variable}}}${path}`,
        host: [`{{${variable}}}`],
        path: path.slice(1).split('/'),
      },
      ...(body !== undefined && {
        body: { mode: 'raw', raw: typeof body === 'string' ? body : JSON.stringify(body, null, 2) },
      }),
    },
  };
}
