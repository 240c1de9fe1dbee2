import type { Logger } from 'pino';
import type { Secrets } from '../../jobs/job-environment.ts';
import { type ApiClient, ApiError } from '../../kubernetes/api-client.ts';
import { toClusterFailure } from '../../kubernetes/cluster-failure.ts';
import type { SecretData } from './secret-payload.ts';

export interface SharedSecretParts {
  readonly client: ApiClient;
  readonly logger: Logger;
  readonly namespace: string;
  /** Of a Secret of the operator's; undefined where there is none. */
  readonly name: string | undefined;
}

/**
 * The values of the operator's Secret for jobs that bring no credentials, read anew; undefined when
 * our account may not read them.
 * @throws TrainerError CLUSTER_UNAVAILABLE
 */
export async function readSharedSecrets(parts: SharedSecretParts): Promise<Secrets | undefined> {
  const { client, logger, namespace, name } = parts;
  if (name === undefined) return {};
  try {
    const path = `/api/v1/namespaces/${namespace}/secrets/${name}`;
    const { data = {} } = await client.call<{ data?: SecretData }>({ method: 'GET', path });
    return Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
    );
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return {};
    if (!(error instanceof ApiError && error.status === 403)) throw toClusterFailure(error, logger);
    logger.warn(
      { secret: name, err: error },
      'default credentials could not be read, so they are not masked',
    );
    return undefined;
  }
}
