import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { jsonSchemaTransform, jsonSchemaTransformObject } from '@fastify/type-provider-zod';
import type { FastifyInstance } from 'fastify';

type TransformObject = typeof jsonSchemaTransformObject;
type Description = Exclude<ReturnType<TransformObject>, { swagger?: unknown }>;

/** Describes the routes that are registered after it, at `/openapi.json` and for people at `/docs`. */
export async function registerOpenApi(app: FastifyInstance, backend: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: `Trainer API: ${backend}`,
        description: 'Submits, watches and cancels fine-tuning jobs.',
        version: '1.0.0',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      tags: [
        { name: 'jobs', description: 'For those who launch jobs' },
        { name: 'callbacks', description: 'What a job tells its webhook' },
        { name: 'operations', description: 'For those who run the service' },
      ],
      components: {
        securitySchemes: {
          trainerToken: { type: 'apiKey', in: 'header', name: 'X-TRAINER-TOKEN' },
          bearerToken: { type: 'http', scheme: 'bearer' },
        },
      },
    },
    transform: jsonSchemaTransform,
    transformObject: (document) =>
      withProblemType(jsonSchemaTransformObject(document) as Description) as never,
  });
  await app.register(swaggerUi, { routePrefix: '/docs' });
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
}

/** Errors are `application/problem+json`, which the plugin's route schemas cannot say. */
function withProblemType(description: Description): Description {
  for (const item of Object.values(description.paths ?? {})) {
    for (const operation of [item?.get, item?.post]) {
      for (const [status, response] of Object.entries(operation?.responses ?? {})) {
        if (!('content' in response) || response.content?.['application/json'] === undefined)
          continue;
        if (Number(status) < 400 || operation?.operationId === 'getReadiness') continue;
        response.content = { 'application/problem+json': response.content['application/json'] };
      }
    }
  }
  return description;
}
