/** What the tests, measurements and chaos runs of other packages share. Shipped code never imports it. */

export { findMarkedProcesses, identifyProcess } from '../src/runners/local/process-facts.mjs';
export { eventually } from './eventually.ts';
export { FakeClock } from './fake-clock.ts';
export { findFreePort } from './free-port.ts';
export { default as guideExample } from './guide-example.json' with { type: 'json' };
export { type OpenedStream, openStream, type WireEvent } from './http/read-stream.ts';
export { LocalFixture } from './local/local-fixture.ts';
export { type PlainTimes, runPlainScript } from './plain-script.ts';
export { type ReportBed, startReportBed } from './report-bed.ts';
export {
  makeRequest,
  startTestService,
  type TestAnswer,
  type TestService,
  type TestServiceOptions,
} from './start-test-service.ts';
export {
  type Answer,
  type Received,
  startWebhookReceiver,
  type WebhookReceiver,
} from './webhook-receiver.ts';
