import { pino } from 'pino';
import { beforeEach, expect, it } from 'vitest';
import { ApiError, type ApiRequest } from '../../kubernetes/api-client.ts';
import { SharedSecrets } from './shared-secrets.ts';

const SECRETS: Record<string, Record<string, string>> = {
  default: { AWS_ACCESS_KEY_ID: 'AKIA0123456789', AWS_REGION: 'eu-central-1' },
  team: { db: 'Kd93ksl0Kd93' },
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
    ...['AKIA0123456789', 'eu-central-1', 'Kd93ksl0Kd93'],
  ]);
  expect(await secrets.read([])).toEqual([]);
});

it('gives nothing where one of them is refused, and says so once, and when that is over', async () => {
  failures = { team: 403 };
  expect(await secrets.read(['default', 'team'])).toBeUndefined();
  expect(await secrets.read(['default', 'team'])).toBeUndefined();
  failures = {};
  expect(await secrets.read(['default', 'team'])).toHaveLength(3);
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
