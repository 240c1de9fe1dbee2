import { pino } from 'pino';
import { beforeEach, expect, it } from 'vitest';
import { ApiError, type ApiRequest } from '../../kubernetes/api-client.ts';
import { SharedSecrets } from './shared-secrets.ts';

const SECRETS: Record<string, Record<string, string>> = {
  default: { AWS_ACCESS_KEY_ID: 'AKIA0123456789', AWS_REGION: 'eu-central-1' },
  team: { db: 'Kd93ksl0Kd93' },
  public: {
    AWS_DEFAULT_REGION: 'eu-central-1',
    region: 'eu-central-1',
    AWS_ROLE_ARN: 'arn:aws:iam::1:role/trainer',
    AWS_ENDPOINT_URL_S3: 'https://s3.eu-central-1.example.com',
    'minio.endpoint': 'http://minio.storage:9000/',
  },
  endpoints: {
    ENDPOINT_TOKEN: 'Kd93ksl0Kd93',
    SLACK_ENDPOINT: 'https://hooks.example.com/services/T0/B0/x7Jk',
    AWS_ENDPOINT_URL: 'https://user:password@minio:9000',
    endpoint: 'x7JkKd93ksl0Kd93',
  },
};
/** What the API server answers instead of a Secret, by its name. */
let failures: Record<string, number>;
let logged: Record<string, unknown>[];
let secrets: SharedSecrets;

beforeEach(() => {
  failures = {};
  logged = [];
  const call = async ({ path }: ApiRequest) => {
    const name = path.replace('/api/v1/namespaces/jobs/secrets/', '');
    const status = failures[name] ?? (SECRETS[name] === undefined ? 404 : undefined);
    if (status !== undefined) throw new ApiError('refused', { status, serverMessage: 'why' });
    const entries = Object.entries(SECRETS[name] ?? {});
    const data = entries.map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
    return { data: Object.fromEntries(data) };
  };
  const client = { call } as unknown as ConstructorParameters<typeof SharedSecrets>[0]['client'];
  const logger = pino(
    { base: null, timestamp: false },
    { write: (line) => logged.push(JSON.parse(line)) },
  );
  secrets = new SharedSecrets({ client, logger, namespace: 'jobs' });
});

it('gives all values of all Secrets, whatever their keys', async () => {
  expect(await secrets.read(['default', 'team', 'absent'])).toEqual([
    ...['AKIA0123456789', 'Kd93ksl0Kd93'],
  ]);
  expect(await secrets.read([])).toEqual([]);
});

it('leaves out what admits nobody by its key, unless an endpoint may', async () => {
  expect(await secrets.read(['public'])).toEqual([]);
  expect(await secrets.read(['endpoints'])).toEqual(Object.values(SECRETS.endpoints ?? {}));
});

it('gives nothing where one of them is refused, and says so once, and when that is over', async () => {
  failures = { team: 403 };
  expect(await secrets.read(['default', 'team'])).toBeUndefined();
  expect(await secrets.read(['default', 'team'])).toBeUndefined();
  failures = {};
  expect(await secrets.read(['default', 'team'])).toHaveLength(2);
  expect(await secrets.read(['team'])).toHaveLength(1);
  expect(logged).toEqual([
    {
      level: 50,
      secret: 'team',
      server_message: 'why',
      msg: 'shared Secret cannot be read: logs are refused, and what trainings report is not kept',
    },
    { level: 30, secret: 'team', msg: 'shared Secret can be read again' },
  ]);
});

it('fails where the API server is away', async () => {
  failures = { team: 500 };
  await expect(secrets.read(['team'])).rejects.toMatchObject({ code: 'CLUSTER_UNAVAILABLE' });
});
