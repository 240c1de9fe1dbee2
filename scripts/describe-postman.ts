import { METHODS, PROVIDERS, RUNNERS } from '@trainer/common';
import { type Service, services } from '@trainer/services';

type Demand = NonNullable<Service['backend']['rules'][number]['demand']>;

interface RequestParts {
  readonly name: string;
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  /** Lines of script that judge the answer. */
  readonly tests: readonly string[];
  /** Lines of script that run before. */
  readonly before?: readonly string[];
  readonly body?: object | string;
  readonly contentType?: string;
  readonly token?: string | undefined;
}

/** The Postman collection (v2.1) of these services, as the text of a file. */
export function describePostman(described: readonly Service[] = services): string {
  const collection = {
    info: {
      name: 'Trainer APIs',
      description:
        'Health, submit, status, cancel and the error cases of each service. Set `token` where the services want one. The requests of a folder build on each other, so run it from its top.',
      schema: 'https://schema.getpostman.com/json/collection/v2.1.0/collection.json',
    },
    variable: [
      ...described.map((service) => ({
        key: toVariable(service),
        value: `http://localhost:${service.port}`,
      })),
      { key: 'token', value: '' },
      { key: 'jobId', value: '' },
    ],
    item: described.map(toFolder),
  };
  return `${JSON.stringify(collection, null, 2)}\n`;
}

function toFolder(service: Service) {
  const request = { ...service.backend.example, job_id: '{{jobId}}' };
  const items = [...jobRequests(service, request), ...errorRequests(service, request)];
  return { name: service.backend.title, item: items.map((parts) => toItem(service, parts)) };
}

/** The variable that holds the address of a service, such as `hfUnslothUrl`. */
function toVariable({ name }: Service): string {
  return `${name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())}Url`;
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

function jobRequests({ name }: Service, request: object): RequestParts[] {
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
      name: 'Version',
      path: '/version',
      tests: [
        status(200),
        ...answer(
          'tells the release, and where jobs run',
          'pm.expect(body.version).to.match(/^\\d+\\.\\d+\\.\\d+/);',
          `pm.expect(body.runner).to.be.oneOf(${JSON.stringify(RUNNERS)});`,
        ),
      ],
    },
    {
      name: 'Plan',
      method: 'POST',
      path: '/plans',
      body: { ...request, job_id: `postman-plan-${name}` },
      tests: [
        status(200),
        ...answer(
          'tells what would become of the request',
          'pm.expect(body.valid).to.equal(true);',
          'pm.expect(body.errors).to.deep.equal([]);',
          "pm.expect(body.resolved_request.base_model).to.be.an('object');",
        ),
      ],
    },
    {
      name: 'Submit',
      method: 'POST',
      path: '/train',
      body: request,
      before: [`pm.collectionVariables.set('jobId', \`postman-${name}-\${Date.now()}\`);`],
      tests: [
        status(200),
        ...answer(
          'accepts the job',
          "const jobId = pm.variables.get('jobId');",
          'pm.expect(body.job_id).to.equal(jobId);',
          "pm.expect(body.status).to.equal('submitted');",
          "pm.expect(body.detail).to.equal('Job accepted for processing');",
          `pm.expect(body.metadata.backend).to.equal('${name}');`,
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
      name: 'What was asked for',
      path: '/train/{{jobId}}/request',
      tests: [
        status(200),
        ...answer(
          'is what was submitted, without credentials',
          "pm.expect(body.request.job_id).to.equal(pm.variables.get('jobId'));",
          "pm.expect(body.resolved_request).to.have.property('customization');",
          "pm.expect(body.credentials).to.be.oneOf(['none', 'kept']);",
        ),
      ],
    },
    {
      name: 'List',
      path: '/train?limit=200',
      tests: [
        status(200),
        ...answer(
          'holds the job, without what was submitted',
          "const row = body.data.find((job) => job.job_id === pm.variables.get('jobId'));",
          "pm.expect(row).to.be.an('object').and.not.have.property('metadata');",
          'pm.expect(body.counts[row.status]).to.be.at.least(1);',
        ),
      ],
    },
    {
      name: 'List by what no list has (400)',
      path: '/train?stauts=running',
      tests: refusal(400, 'INVALID_REQUEST'),
    },
    {
      name: 'Send callbacks elsewhere',
      method: 'PATCH',
      path: '/train/{{jobId}}/callbacks',
      body: { webhook_url: 'https://hooks.example.com/postman' },
      tests: [
        status(200),
        ...answer(
          'tells where they go',
          "pm.expect(body.webhook_url).to.equal('https://hooks.example.com/postman');",
          'pm.expect(body.has_auth_header).to.equal(false);',
        ),
      ],
    },
    {
      name: 'Send no callbacks',
      method: 'PATCH',
      path: '/train/{{jobId}}/callbacks',
      body: { webhook_url: null },
      tests: [status(200), ...answer('sends none', 'pm.expect(body.webhook_url).to.equal(null);')],
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
    {
      name: 'Run again',
      method: 'POST',
      path: '/train/{{jobId}}/rerun',
      body: {
        job_id: '{{jobId}}-r2',
        from: 'start',
        changes: { tuning_parameters: { num_epochs: 1 } },
      },
      tests: [
        status(200),
        ...answer(
          'is a new job that says whose it is',
          "pm.expect(body.job_id).to.equal(pm.collectionVariables.get('jobId') + '-r2');",
          "pm.expect(body.rerun_of).to.equal(pm.collectionVariables.get('jobId'));",
        ),
      ],
    },
    {
      name: 'Cancel what was run again',
      method: 'POST',
      path: '/train/{{jobId}}-r2/cancel',
      tests: [status(200)],
    },
    {
      name: 'Final callbacks that were given up',
      path: '/deliveries?state=expired&limit=10',
      tests: [status(200), ...answer('lists them', "pm.expect(body.data).to.be.an('array');")],
    },
    {
      name: 'Send them again',
      method: 'POST',
      path: '/deliveries/replay',
      body: { state: 'expired' },
      tests: [status(202), ...answer('says which', "pm.expect(body.replayed).to.be.an('array');")],
    },
    {
      name: 'Forget',
      method: 'DELETE',
      path: '/train/{{jobId}}',
      tests: [status(204)],
    },
    {
      name: 'Status of a forgotten job (404)',
      path: '/train/{{jobId}}',
      tests: refusal(404, 'JOB_NOT_FOUND'),
    },
  ];
}

function errorRequests({ backend }: Service, request: object): RequestParts[] {
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
    ...backend.rules.flatMap(({ demand }) =>
      demand === undefined ? [] : [refusedRequest(demand, request)],
    ),
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

/** A request that falls short of one demand of the service. */
function refusedRequest(demand: Demand, request: object): RequestParts {
  const [section = '', name = ''] = demand.field.split('.');
  const given = request as Record<string, object>;
  const broken = { ...given[section], [name]: toRefusedValue(demand) };
  const method = 'minimum' in demand ? demand.forMethod : undefined;
  const customization = method === undefined ? {} : { customization: { method } };
  const when = method === undefined ? '' : ` for method ${method}`;
  return {
    name: `Submit a ${demand.field} that this service refuses${when} (400)`,
    method: 'POST',
    path: '/train',
    body: { ...request, job_id: 'postman-refused', ...customization, [section]: broken },
    tests: refusal(
      400,
      'INVALID_REQUEST',
      `pm.expect(body.errors.map(({ path }) => path)).to.include('${demand.field}');`,
    ),
  };
}

function toRefusedValue(demand: Demand): string | number | undefined {
  if ('minimum' in demand) return demand.minimum - 1;
  const all: readonly string[] = demand.field === 'base_model.provider' ? PROVIDERS : METHODS;
  return all.find((value) => !demand.oneOf.includes(value));
}

function toItem(service: Service, parts: RequestParts) {
  const variable = toVariable(service);
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
