import { randomUUID } from 'node:crypto';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import type { Config } from '../config.ts';
import { errors } from '../errors.ts';
import { registerOpenApi } from './openapi/openapi.ts';
import { createAuthenticate } from './plugins/authenticate.ts';
import { answerClientError } from './plugins/client-errors.ts';
import { MAX_BODY_BYTES, registerIgnoredBody, registerJsonBody } from './plugins/json-body.ts';
import { registerLoadShedding } from './plugins/load-shedding.ts';
import { replyWithProblem } from './plugins/problem.ts';
import { RequestLog } from './plugins/request-log.ts';
import type { Tokens } from './plugins/tokens.ts';
import { registerDeliveriesRoutes } from './routes/deliveries-routes.ts';
import {
  type OperationsRoutesParts,
  registerOperationsRoutes,
} from './routes/operations-routes.ts';
import { TrainingResponses } from './routes/training-response.ts';
import {
  registerCancelRoute,
  registerTrainingRoutes,
  type TrainingRoutesParts,
} from './routes/training-routes.ts';

export interface AppParts extends Omit<TrainingRoutesParts, 'responses'>, OperationsRoutesParts {
  readonly config: Config;
  readonly tokens: Tokens;
  readonly logger: FastifyBaseLogger;
}

/** Longer than any job id, so that one that is too long is told so instead of "no such route". */
const MAX_PARAM_LENGTH = 1024;
/** For a whole request to arrive, of 256 KiB at most. Without it, one that stalls holds its socket. */
const REQUEST_TIMEOUT_MS = 30_000;
/** Requests take milliseconds: what closing still waits for by then is a client that stalls. */
const CLOSE_STALLED_AFTER_MS = 3000;
/** For the docs page, which must work over plain http too, where TLS ends elsewhere or nowhere. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "base-uri 'self'",
  "form-action 'self'",
  "frame-ancestors 'self'",
  "img-src 'self' data:",
  "object-src 'none'",
  "script-src-attr 'none'",
  "style-src 'self' 'unsafe-inline'",
].join(';');
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;

/** Builds the HTTP side of a service, ready to listen or to be injected into; listens to nothing. */
export async function createApp(parts: AppParts): Promise<FastifyInstance> {
  const { config, tokens, metrics } = parts;
  const app = fastify({
    loggerInstance: parts.logger,
    logController: new RequestLog(),
    bodyLimit: MAX_BODY_BYTES,
    requestIdHeader: false,
    genReqId: ({ headers }) => {
      const given = headers['x-request-id'];
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
    },
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    frameworkErrors: (error, request, reply) => {
      replyWithProblem(error, request, reply);
    },
    clientErrorHandler: answerClientError,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // What still arrives on an open connection is served, since the jobs outlive the connections.
    return503OnClosing: false,
  });
  // The backend parses bodies, since it tells schema and rule violations together.
  app.setValidatorCompiler(() => (value) => ({ value }));
  app.setSerializerCompiler(() => JSON.stringify);
  app.setErrorHandler(replyWithProblem);
  app.setNotFoundHandler(({ method }) => {
    throw errors.routeNotFound(method);
  });
  registerJsonBody(app);
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    reply.header('content-security-policy', CONTENT_SECURITY_POLICY);
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none';
    metrics.observeRequest(request.method, route, reply.statusCode, reply.elapsedTime / 1000);
    done();
  });

  app.addHook('preClose', async () => {
    // Node closes idle connections once; those that were busy at that moment become idle later.
    const reaping = setInterval(() => app.server.closeIdleConnections(), 50);
    const cutting = setTimeout(() => app.server.closeAllConnections(), CLOSE_STALLED_AFTER_MS);
    app.server.once('close', () => {
      clearInterval(reaping);
      clearTimeout(cutting);
    });
  });

  // Helmet writes the policy anew for each answer, which costs a tenth of a poll.
  await app.register(helmet, { contentSecurityPolicy: false });
  if (config.rateLimitPerMinute > 0) {
    await app.register(rateLimit, {
      max: config.rateLimitPerMinute,
      timeWindow: 60_000,
      errorResponseBuilder: (_request, { ttl }) => errors.rateLimited(ttl / 1000),
    });
  }
  await registerOpenApi(app);
  registerOperationsRoutes(app, parts);
  await app.register(async (scope) => {
    await registerLoadShedding(scope);
    // After the rate limit, which is a hook of each route's own, so that tokens cannot be guessed fast.
    scope.addHook('preParsing', createAuthenticate(tokens));
    const responses = new TrainingResponses(config);
    registerTrainingRoutes(scope, { ...parts, responses });
    await scope.register(async (bodyless) => {
      registerIgnoredBody(bodyless);
      registerCancelRoute(bodyless, { jobs: parts.jobs, responses });
      registerDeliveriesRoutes(bodyless, parts.jobs);
    });
  });
  return app;
}
