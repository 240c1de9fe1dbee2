import type { Logger } from 'pino';
import { type ApiClient, ApiError } from '../../kubernetes/api-client.ts';
import { toClusterFailure } from '../../kubernetes/cluster-failure.ts';
import type { SecretData } from './secret-payload.ts';

export interface SharedSecretsParts {
  readonly client: ApiClient;
  readonly logger: Logger;
  readonly namespace: string;
}

/** Keys of values that admit nobody, and stand in addresses that people have to read. */
const PUBLIC_KEY = /(^|[-_.])(region|role[-_.]?arn)$/i;
const ENDPOINT_KEY = /(^|[-_.])endpoint([-_.]?url([-_.](s3|sts))?)?$/i;
/** A path, a query or a user name may be what keeps others from an endpoint. */
const BARE_ENDPOINT = /^https?:\/\/[\w.-]+(:\d+)?\/?$/i;

/** Reads Secrets of the operator's that jobs use beside their own. */
export class SharedSecrets {
  readonly #parts: SharedSecretsParts;
  /** Those of which the log has told that they are refused. */
  readonly #refused = new Set<string>();

  constructor(parts: SharedSecretsParts) {
    this.#parts = parts;
  }

  /**
   * All values of the Secrets of these names that are to be hidden, read anew; undefined when our
   * account may not read one of them. One that does not exist has none.
   * @throws TrainerError CLUSTER_UNAVAILABLE
   */
  async read(names: Iterable<string>): Promise<readonly string[] | undefined> {
    const all = await Promise.all(Array.from(names, (name) => this.#readOne(name)));
    const readable = all.filter((values) => values !== undefined);
    return readable.length < all.length ? undefined : readable.flat();
  }

  async #readOne(name: string): Promise<readonly string[] | undefined> {
    const { client, logger, namespace } = this.#parts;
    try {
      const path = `/api/v1/namespaces/${namespace}/secrets/${name}`;
      const { data = {} } = await client.call<{ data?: SecretData }>({ method: 'GET', path });
      this.#note(name, undefined);
      return Object.entries(data)
        .map(([key, value]) => [key, Buffer.from(value, 'base64').toString()] as const)
        .flatMap(([key, value]) => (isPublic(key, value) ? [] : value));
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return [];
      if (!(error instanceof ApiError && error.status === 403)) {
        throw toClusterFailure(error, logger);
      }
      this.#note(name, error);
      return undefined;
    }
  }

  /** Says once that a Secret is refused, and once that it is not any more. */
  #note(name: string, refusal: ApiError | undefined): void {
    const { logger } = this.#parts;
    if (this.#refused.has(name) === (refusal !== undefined)) return;
    if (refusal === undefined) {
      this.#refused.delete(name);
      logger.info({ secret: name }, 'shared Secret can be read again');
    } else {
      this.#refused.add(name);
      logger.error({ secret: name, server_message: refusal.serverMessage }, REFUSED);
    }
  }
}

function isPublic(key: string, value: string): boolean {
  return PUBLIC_KEY.test(key) || (ENDPOINT_KEY.test(key) && BARE_ENDPOINT.test(value));
}

const REFUSED =
  'shared Secret cannot be read: logs are refused, and what trainings report is not kept';
