import fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { errors } from '../errors.ts';
import type { Reports } from '../reports/reports.ts';
import { createAnswerClientError } from './plugins/client-errors.ts';
import { registerClosing } from './plugins/closing.ts';
import { replyWithProblem } from './plugins/errors.ts';
import { registerHeaders, toRequestId } from './plugins/headers.ts';
import { registerJsonBody } from './plugins/json-body.ts';
import { registerLoadShedding } from './plugins/load-shedding.ts';
import { registerNotFound } from './plugins/not-found.ts';
import { RequestLog } from './plugins/request-log.ts';
import { registerValidation } from './plugins/validation.ts';
import { registerGetHealth } from './routes/get-health.ts';
import { registerReportProgress } from './routes/report-progress.ts';

export interface ReportsAppParts {
  readonly reports: Reports;
  readonly logger: FastifyBaseLogger;
}

const MAX_BODY_BYTES = 64 * 1024;
/** For a whole report to arrive. */
const REQUEST_TIMEOUT_MS = 30_000;

/**
 * Builds what trainings may reach, and nothing else: their reports and `healthz`. On a port of its
 * own, so that a network policy can let training pods reach no other part of the service.
 */
export async function createReportsApp(parts: ReportsAppParts): Promise<FastifyInstance> {
  const app = fastify({
    loggerInstance: parts.logger,
    logController: new RequestLog(),
    bodyLimit: MAX_BODY_BYTES,
    requestIdHeader: false,
    genReqId: toRequestId,
    routerOptions: { maxParamLength: 1024, ignoreTrailingSlash: true },
    frameworkErrors: (error, request, reply) => {
      replyWithProblem(error, request, reply);
    },
    clientErrorHandler: createAnswerClientError(parts.logger),
    requestTimeout: REQUEST_TIMEOUT_MS,
    return503OnClosing: false,
  });
  app.setErrorHandler((error, request, reply) => {
    const isTooLarge = (error as { code?: string }).code === 'FST_ERR_CTP_BODY_TOO_LARGE';
    return replyWithProblem(isTooLarge ? errors.reportTooLarge() : error, request, reply);
  });
  registerNotFound(app);
  registerValidation(app);
  registerJsonBody(app, { maxBytes: MAX_BODY_BYTES });
  registerClosing(app);
  registerHeaders(app);
  registerGetHealth(app);
  await app.register(async (scope) => {
    await registerLoadShedding(scope);
    registerReportProgress(scope, parts.reports);
  });
  return app;
}
