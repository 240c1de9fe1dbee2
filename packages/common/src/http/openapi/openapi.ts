import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import {
  createJsonSchemaTransform,
  createJsonSchemaTransformObject,
} from '@fastify/type-provider-zod';
import type { FastifyInstance } from 'fastify';
import type { BaseTrainerBackend } from '../../backends/base-trainer-backend.ts';
import { describeDemands, describeServers } from './describe-services.ts';
import { finishDescription, type UnfinishedDescription } from './finish-description.ts';
import { describeProblems } from './problem-responses.ts';
import { ZOD_TO_JSON } from './zod-to-json.ts';

declare module 'fastify' {
  interface FastifySchema {
    /** The request headers that a route reads, with what they do; they are described, and not checked. */
    readonly reads?: Readonly<Record<string, string>>;
  }
}

type Transform = ReturnType<typeof createJsonSchemaTransform>;

const FOR_CLIENTS = `A field that may be left out may be null, too. A field that no schema knows is not refused, but named in \`metadata.warnings\`. A query name that a route does not list is refused; submitting, reading and cancelling a job and the deliveries of one job ignore it.

Every refusal is a problem document (RFC 9457) with a stable \`code\`; one about a request names all that is wrong with it. An unknown route is 404 with \`ROUTE_NOT_FOUND\`; a method that a route does not have is 405 with \`METHOD_NOT_ALLOWED\`, and \`Allow\` names those that it has.`;

const fromZod = createJsonSchemaTransform({ zodToJsonConfig: ZOD_TO_JSON });
const componentsFromZod = createJsonSchemaTransformObject({ zodToJsonConfig: ZOD_TO_JSON });

const describeRoute: Transform = (route) => {
  const { schema, url } = fromZod(route);
  if (schema?.hide) return { schema, url };
  const { problems = [], reads, response, ...rest } = schema;
  const isAboutJobs = (rest.security?.length ?? 0) > 0;
  return {
    schema: {
      ...rest,
      ...(reads !== undefined && { headers: describeHeaders(reads) }),
      response: { ...(response as object), ...describeProblems(problems, isAboutJobs) },
    },
    url,
  };
};

/**
 * Describes the routes that are registered after it, at `/openapi.json` and for people at `/docs`,
 * as an API of services with these backends.
 */
export async function registerOpenApi(
  app: FastifyInstance,
  backends: readonly BaseTrainerBackend[],
): Promise<void> {
  const servers = describeServers(backends);
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: toTitle(backends),
        description: toDescription(backends),
        version: '1.0.0',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers,
      tags: [
        { name: 'jobs', description: 'For those who launch jobs' },
        { name: 'callbacks', description: 'What a service sends to the webhook of a job' },
        { name: 'operations', description: 'For those who run the service' },
      ],
      components: {
        securitySchemes: {
          trainerToken: {
            type: 'apiKey',
            in: 'header',
            name: 'X-TRAINER-TOKEN',
            description: 'One of the tokens of `TRAINER_API_TOKEN`',
          },
          bearerToken: {
            type: 'http',
            scheme: 'bearer',
            description: 'The same token, as `Authorization: Bearer <token>`',
          },
        },
      },
    },
    transform: describeRoute,
    transformObject: (document) =>
      finishDescription(componentsFromZod(document) as UnfinishedDescription, backends) as never,
  });
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    // Otherwise the page sends the description to an outside host to be checked.
    uiConfig: { validatorUrl: null },
    transformSpecification: (description) => ({
      ...description,
      servers: [{ url: '/', description: 'This service' }, ...servers],
    }),
  });
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
}

function describeHeaders(reads: Readonly<Record<string, string>>) {
  const properties = Object.entries(reads).map(([name, description]) => [
    name,
    { type: 'string', description },
  ]);
  return { type: 'object', properties: Object.fromEntries(properties) };
}

function toTitle(backends: readonly BaseTrainerBackend[]): string {
  const [only, ...more] = backends;
  return only === undefined || more.length > 0 ? 'Trainer APIs' : only.title;
}

function toDescription(backends: readonly BaseTrainerBackend[]): string {
  return [
    'Submits, watches and cancels fine-tuning jobs, which run as Kubeflow TrainJobs.',
    backends.length === 1
      ? 'This service takes:'
      : 'Several services speak this API, each for one family of models:',
    describeDemands(backends),
    FOR_CLIENTS,
  ].join('\n\n');
}
