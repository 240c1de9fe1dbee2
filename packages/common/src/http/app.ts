import fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import type { BaseTrainerBackend } from '../backends/base-trainer-backend.ts';
import type { Random } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import type { ChangeLog } from '../controller/change-log.ts';
import type { JobFeed } from '../controller/job-feed.ts';
import type { Metrics } from '../metrics.ts';
import { registerOpenApi } from './openapi/openapi.ts';
import { registerAuthentication } from './plugins/auth.ts';
import { createAnswerClientError } from './plugins/client-errors.ts';
import { registerClosing } from './plugins/closing.ts';
import { registerCors } from './plugins/cors.ts';
import { replyWithProblem } from './plugins/errors.ts';
import { registerExpectations } from './plugins/expectations.ts';
import { registerHeaders, toRequestId } from './plugins/headers.ts';
import { HeldRequests } from './plugins/held-requests.ts';
import { registerHostCheck } from './plugins/host-check.ts';
import { MAX_BODY_BYTES, registerIgnoredBody, registerJsonBody } from './plugins/json-body.ts';
import { registerLoadShedding } from './plugins/load-shedding.ts';
import { registerNotFound } from './plugins/not-found.ts';
import { OpenRequests } from './plugins/open-requests.ts';
import { OpenStreams } from './plugins/open-streams.ts';
import { registerQueryNames } from './plugins/query-names.ts';
import { registerRateLimit } from './plugins/rate-limit.ts';
import { registerReaderMetrics } from './plugins/reader-metrics.ts';
import { RequestLog } from './plugins/request-log.ts';
import { registerRequestMetrics } from './plugins/request-metrics.ts';
import type { Tokens } from './plugins/tokens.ts';
import { registerValidation } from './plugins/validation.ts';
import { registerCancelJob } from './routes/cancel-job.ts';
import { registerForgetJob } from './routes/forget-job.ts';
import { registerGetDeliveries } from './routes/get-deliveries.ts';
import { registerGetHealth } from './routes/get-health.ts';
import { registerGetHistory } from './routes/get-history.ts';
import { registerGetJob } from './routes/get-job.ts';
import { type GetJobLogsParts, registerGetJobLogs } from './routes/get-job-logs.ts';
import { type GetJobMetricsParts, registerGetJobMetrics } from './routes/get-job-metrics.ts';
import { registerGetJobRequest } from './routes/get-job-request.ts';
import { registerGetMetrics } from './routes/get-metrics.ts';
import { registerGetPage } from './routes/get-page.ts';
import { type GetReadinessParts, registerGetReadiness } from './routes/get-readiness.ts';
import { type GetVersionParts, registerGetVersion } from './routes/get-version.ts';
import { registerListDeliveries } from './routes/list-deliveries.ts';
import { registerListJobs } from './routes/list-jobs.ts';
import type { PageFile } from './routes/page-files.ts';
import { type PatchCallbacksParts, registerPatchCallbacks } from './routes/patch-callbacks.ts';
import { registerPlanJob } from './routes/plan-job.ts';
import { registerReplayDeliveries } from './routes/replay-deliveries.ts';
import { registerReplayMany } from './routes/replay-many.ts';
import { registerRerunJob } from './routes/rerun-job.ts';
import { registerStreamEvents } from './routes/stream-events.ts';
import { registerSubmitJob, type SubmitJobParts } from './routes/submit-job.ts';
import { TrainingResponses } from './routes/training-response.ts';

export interface AppParts
  extends Omit<SubmitJobParts, 'responses'>,
    GetReadinessParts,
    PatchCallbacksParts,
    GetVersionParts,
    Omit<GetJobLogsParts, 'openRequests'>,
    GetJobMetricsParts {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly feed: JobFeed;
  readonly changes: ChangeLog;
  readonly tokens: Tokens;
  readonly logger: FastifyBaseLogger;
  readonly metrics: Metrics;
  /** The page at `/`; none by default. */
  readonly pageFiles?: readonly PageFile[] | undefined;
  /** What the OpenAPI description is about; the service's own backend by default. */
  readonly describedBackends?: readonly BaseTrainerBackend[] | undefined;
}

/** Longer than any job id, so that the answer for one that is too long says so instead of "no such route". */
const MAX_PARAM_LENGTH = 1024;
/** For a whole request to arrive, of 256 KiB at most. Without it, one that stalls holds its socket. */
const REQUEST_TIMEOUT_MS = 30_000;

/** Builds the HTTP side of a service, ready to listen or to be injected into; listens to nothing. */
export async function createApp(parts: AppParts): Promise<FastifyInstance> {
  const { config, clock, random, tokens, metrics, jobs } = parts;
  const app = fastify({
    loggerInstance: parts.logger,
    logController: new RequestLog(),
    bodyLimit: MAX_BODY_BYTES,
    requestIdHeader: false,
    genReqId: toRequestId,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH, ignoreTrailingSlash: true },
    frameworkErrors: (error, request, reply) => {
      replyWithProblem(error, request, reply);
    },
    clientErrorHandler: createAnswerClientError(parts.logger),
    requestTimeout: REQUEST_TIMEOUT_MS,
    // What still arrives on an open connection is served, since the jobs outlive the connections.
    return503OnClosing: false,
  });
  app.setErrorHandler(replyWithProblem);
  app.decorate('findBackendJobId', (jobId) => jobs.findName(jobId));
  registerNotFound(app);
  registerValidation(app);
  registerQueryNames(app);
  registerJsonBody(app);
  registerClosing(app);
  registerRequestMetrics(app, metrics);
  registerHeaders(app);
  registerExpectations(app);
  registerHostCheck(app, config, tokens);
  await registerCors(app, config.corsOrigins);
  await registerRateLimit(app, config.rateLimitPerMinute);
  await registerOpenApi(app, parts.describedBackends ?? [parts.backend]);

  const openRequests = new OpenRequests(app, parts);
  const held = new HeldRequests(app, openRequests);
  const streams = new OpenStreams(app, { clock, random, openRequests });
  registerReaderMetrics(metrics.registry, () => ({
    ...streams.counts,
    logs: parts.logs.readerCount,
    poll: held.count,
  }));
  registerGetHealth(app);
  registerGetReadiness(app, parts);
  registerGetMetrics(app, metrics);
  registerGetPage(app, { files: parts.pageFiles ?? [], peers: config.peers });
  registerGetVersion(app, parts);
  await app.register(async (scope) => {
    await registerLoadShedding(scope, metrics.countShed);
    // After the rate limit, which is a hook of each route's own, so that tokens cannot be guessed fast.
    registerAuthentication(scope, tokens);
    const responses = new TrainingResponses(config, jobs);
    const unwatch = jobs.watchGone((name) => responses.forget(name));
    scope.addHook('onClose', async () => unwatch());
    registerSubmitJob(scope, { ...parts, responses });
    registerRerunJob(scope, { ...parts, responses });
    registerPlanJob(scope, parts);
    registerListJobs(scope, jobs);
    registerGetJob(scope, { ...parts, responses, held });
    registerGetHistory(scope, { ...parts, streams });
    registerGetJobLogs(scope, { ...parts, openRequests });
    registerStreamEvents(scope, { ...parts, streams });
    registerGetJobMetrics(scope, parts);
    registerGetJobRequest(scope, jobs);
    registerGetDeliveries(scope, jobs);
    registerListDeliveries(scope, jobs);
    registerReplayMany(scope, jobs);
    await scope.register(async (patching) => registerPatchCallbacks(patching, parts));
    await scope.register(async (bodyless) => {
      registerIgnoredBody(bodyless);
      registerCancelJob(bodyless, { jobs, responses });
      registerReplayDeliveries(bodyless, jobs);
      registerForgetJob(bodyless, jobs);
    });
  });
  return app;
}
