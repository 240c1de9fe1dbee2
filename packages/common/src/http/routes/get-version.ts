import type { FastifyInstance } from 'fastify';
import type { Config } from '../../config.ts';
import { errors } from '../../errors.ts';
import { type VersionAnswer, VersionSchema } from '../../requests/version.ts';
import { API_LEVEL, VERSION } from '../../version.ts';
import { ANONYMOUS, readToken } from '../plugins/auth.ts';
import type { Tokens } from '../plugins/tokens.ts';

export interface GetVersionParts {
  readonly config: Config;
  readonly tokens: Tokens;
  /** Where the platform is, for people; undefined without a cluster. */
  readonly cluster: string | undefined;
}

/** `GET /version`: public, and says where jobs run only to those who may see jobs. */
export function registerGetVersion(
  app: FastifyInstance,
  { config, tokens, cluster }: GetVersionParts,
): void {
  const release = { version: VERSION, api_level: API_LEVEL };
  const place = {
    runner: config.runner,
    cluster: cluster ?? null,
    namespace: config.runner === 'kubernetes' ? config.jobsNamespace : null,
  };
  app.get('/version', {
    schema: {
      tags: ['operations'],
      security: [],
      operationId: 'getVersion',
      summary: 'What runs here?',
      description:
        'Version and API level for everybody; `runner`, `cluster` and `namespace` with a token, where the service wants one.',
      response: { 200: VersionSchema.describe('The release, and with a token the place') },
      problems: ['INVALID_REQUEST', 'FORBIDDEN', 'HOST_NOT_ALLOWED', 'RATE_LIMITED'],
    },
    handler: async (request): Promise<VersionAnswer> => {
      if (tokens.isOpen) request.caller = ANONYMOUS;
      else {
        const given = readToken(request);
        if (given === undefined) return release;
        request.caller = tokens.callerOf(given);
        if (request.caller === undefined) throw errors.tokenWrong();
      }
      return { ...release, ...place };
    },
  });
}
