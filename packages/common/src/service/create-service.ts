import type { Logger } from 'pino';
import type { BaseTrainerBackend } from '../backends/base-trainer-backend.ts';
import { type Rule, rule } from '../backends/rules.ts';
import type { Random } from '../backoff.ts';
import { Dispatcher } from '../callbacks/dispatcher.ts';
import type { EventSenderParts } from '../callbacks/event-sender.ts';
import { AddressPolicy } from '../callbacks/http/address-policy.ts';
import { WebhookClient } from '../callbacks/http/webhook-client.ts';
import { createSigner } from '../callbacks/signature.ts';
import { type Clock, systemClock } from '../clock.ts';
import { isLoopbackHost } from '../config/loopback-host.ts';
import type { Config } from '../config.ts';
import { ChangeLog } from '../controller/change-log.ts';
import { Controller } from '../controller/controller.ts';
import { JobFeed } from '../controller/job-feed.ts';
import { Jobs } from '../controller/jobs.ts';
import { createApp } from '../http/app.ts';
import { Tokens } from '../http/plugins/tokens.ts';
import { createReportsApp } from '../http/reports-app.ts';
import type { PageFile } from '../http/routes/page-files.ts';
import type { ReadProgress } from '../jobs/observation.ts';
import type { Platform } from '../jobs/platform.ts';
import type { ReportAccess } from '../jobs/report-token.ts';
import { behindForMs, stalenessReason } from '../jobs/staleness.ts';
import { LogReader } from '../logs/log-reader.ts';
import { createMetrics } from '../metrics.ts';
import { MetricsReader } from '../reports/metrics-reader.ts';
import { Reports } from '../reports/reports.ts';
import type { JobStatus } from '../requests/job-status.ts';
import { VERSION } from '../version.ts';
import { createPlatform } from './create-platform.ts';
import { registerOperatorMetrics } from './operator-metrics.ts';
import { PhaseMetrics } from './phase-metrics.ts';

type WebhookCaller = EventSenderParts['webhookClient'];

export interface ServiceParts {
  readonly backend: BaseTrainerBackend;
  readonly config: Config;
  readonly logger: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
  /** The page at `/`; none by default. */
  readonly pageFiles?: readonly PageFile[];
  /** What the OpenAPI description is about; the service's own backend by default. */
  readonly describedBackends?: readonly BaseTrainerBackend[];
  /** Stand between the service and what it writes to or sends with, as failpoints do. */
  readonly decorate?: {
    readonly platform: (platform: Platform) => Platform;
    readonly webhookClient: (client: WebhookCaller) => WebhookCaller;
  };
}

/** A service that is put together but does not listen yet. */
export interface Service {
  /** Serves on the HOST and PORT of its config; resolves with the URL. */
  listen(): Promise<string>;
  /** Where trainings report, once it listens; undefined where they cannot. */
  reportsUrl(): string | undefined;
  /** Finishes what is in flight and stops; harmless when repeated. */
  close(): Promise<void>;
}

const UNDECORATED: NonNullable<ServiceParts['decorate']> = {
  platform: (platform) => platform,
  webhookClient: (client) => client,
};
/** How long a record is left to whoever submitted it before the controller finishes its submission. */
const SUBMITTER_GRACE_MS = 10_000;

/**
 * Puts one service together: platform, controller, dispatcher, HTTP.
 * @throws Error with a sentence for people when a setting cannot work.
 */
export async function createService(parts: ServiceParts): Promise<Service> {
  const { backend, config, logger, clock = systemClock, random = Math.random } = parts;
  const tokens = new Tokens(config);
  const { decorate = UNDECORATED } = parts;
  const platform = decorate.platform(
    await createPlatform({ backend: backend.name, config, clock, random, logger }),
  );
  const { store, runner, leadership, readSharedSecrets } = platform;
  const policy = new AddressPolicy({
    allowLoopback: isLoopbackHost(config.host),
    allowedHosts: config.callbacks.allowedHosts,
    forbiddenEndpoints: platform.apiEndpoints,
  });
  const metrics = createMetrics(backend.name, {
    countJobs: () => countByStatus(platform),
    countUnreadable: () => countUnreadable(platform),
    behindForMs: () => behindForMs(platform),
    isLeader: () => leadership.isLeader(),
  });
  platform.registerMetrics?.(metrics.registry);
  const reports = new Reports({
    backend: backend.name,
    ...{ store, runner, leadership, clock, random, logger, readSharedSecrets },
    graceMs: config.graceMs,
    stalledAfterMs: config.stalledAfterMs,
  });
  const jobMetrics = new MetricsReader({
    store,
    runner,
    reportedTo: (record) => reports.metricsOf(record),
  });
  const logs = new LogReader({
    ...{ store, runner, readSharedSecrets, logger },
    maxReaders: config.maxLogReaders,
  });
  const progressOf: ReadProgress = (record) => reports.progressOf(record);
  const dispatcher = new Dispatcher({
    ...{ store, runner, leadership, metrics, clock, logger, progressOf },
    webhookClient: decorate.webhookClient(
      new WebhookClient({ policy, clock, proxyUrl: config.callbacks.proxyUrl }),
    ),
    signer: createSigner(config.callbacks.signingSecrets),
    random,
    settings: config.callbacks,
  });
  const controller = new Controller({
    ...{ store, runner, leadership, clock, random, logger, readSharedSecrets },
    deliveries: dispatcher,
    settings: {
      submitterGraceMs: SUBMITTER_GRACE_MS,
      runTtlMs: config.trainJobTtlMs,
      recordTtlMs: config.jobTtlMs,
    },
  });
  registerOperatorMetrics(metrics.registry, {
    ...{ clock, records: () => store.list() },
    reconcileQueueLength: () => controller.queueLength,
    callbackQueueLength: () => dispatcher.queueLength,
  });
  const phaseMetrics = new PhaseMetrics({ registry: metrics.registry, store, leadership });
  const { maxJobs } = config;
  const feed = new JobFeed(platform);
  const jobs = new Jobs({
    changes: feed,
    backend: backend.name,
    ...{ store, runner, clock, logger, maxJobs, readSharedSecrets, progressOf },
    graceMs: config.graceMs,
    reportAccess: toReportAccess(config),
  });
  const changes = new ChangeLog(store);
  const app = await createApp({
    ...{
      backend,
      config,
      clock,
      random,
      tokens,
      logger,
      jobs,
      feed,
      changes,
      metrics,
      jobMetrics,
      logs,
    },
    pageFiles: parts.pageFiles,
    describedBackends: parts.describedBackends,
    cluster: platform.cluster,
    refuseWebhook: (url) => policy.refuseUrl(url),
    furtherRules: [createWebhookRule(policy), ...(platform.limits ? [platform.limits] : [])],
    notReadyReasons: () =>
      [store.notReadyReason(), runner.notReadyReason()].filter(
        (sentence) => sentence !== undefined,
      ),
    degradedReasons: () =>
      [platform.degradedReason?.(), stalenessReason(platform)].filter(
        (sentence) => sentence !== undefined,
      ),
  });

  const reportsApp = toReportsAddress(config) && (await createReportsApp({ reports, logger }));

  let reportsUrl: string | undefined;
  let closing: Promise<void> | undefined;
  const close = async () => {
    await app.close();
    await reportsApp?.close();
    await reports.close();
    feed.close();
    changes.close();
    await jobs.close();
    await controller.close();
    phaseMetrics.close();
    await dispatcher.close();
    await platform.close();
  };
  return {
    listen: async () => {
      await platform.open();
      changes.open();
      const address = toReportsAddress(config);
      if (reportsApp !== undefined && address !== undefined) {
        reportsUrl = await reportsApp.listen(address);
        await platform.announceReportsUrl?.(config.reports.url ?? reportsUrl);
        logger.info({ url: reportsUrl }, 'trainings report here');
      }
      reports.start();
      phaseMetrics.start();
      controller.start();
      const url = await app.listen({ host: config.host, port: config.port });
      logStart(parts, platform, url);
      return url;
    },
    reportsUrl: () => reportsUrl,
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

/** The one line that says what runs here and how; of a setting that may be secret, that it is set. */
function logStart({ logger, config }: ServiceParts, platform: Platform, url: string): void {
  const { runner, jobsNamespace, changedSettings } = config;
  logger.info(
    {
      ...{ version: VERSION, runner, cluster: platform.cluster ?? null },
      namespace: runner === 'kubernetes' ? jobsNamespace : null,
      ...{ leader: platform.leadership.isLeader(), url, settings: changedSettings },
    },
    'service started',
  );
}

/** On one machine nobody else needs to reach it, so that it is always there. */
function toReportsAddress({ runner, host, reports }: Config) {
  if (runner === 'local') return { host: '127.0.0.1', port: reports.port ?? 0 };
  return reports.port === undefined ? undefined : { host, port: reports.port };
}

function toReportAccess({ runner, reports, graceMs }: Config): ReportAccess | undefined {
  if (runner === 'local') return { url: undefined, graceMs };
  return reports.url === undefined ? undefined : { url: reports.url, graceMs };
}

/** Refuses at submission what can be known then; what a name resolves to is checked at each POST. */
function createWebhookRule(policy: AddressPolicy): Rule {
  return rule('callbacks.webhook_url', [], ({ callbacks }) => {
    const url = callbacks?.webhook_url;
    const refusal = url === undefined ? undefined : policy.refuseUrl(url);
    return refusal === undefined ? undefined : `callbacks.webhook_url ${refusal}.`;
  });
}

function countByStatus({ store }: Platform): Map<JobStatus, number> {
  const counts = new Map<JobStatus, number>();
  for (const { state } of store.list()) {
    counts.set(state.status, (counts.get(state.status) ?? 0) + 1);
  }
  return counts;
}

function countUnreadable({ store }: Platform): number {
  return [...store.list()].filter(({ state }) => state.reason === 'RECORD_UNREADABLE').length;
}
