import { type Logger, pino } from 'pino';
import { BaseTrainerBackend } from '../src/backends/base-trainer-backend.ts';
import type { Rule } from '../src/backends/rules.ts';
import type { Random } from '../src/backoff.ts';
import type { Clock } from '../src/clock.ts';
import { parseConfig } from '../src/config.ts';
import { readPageFiles, toPageSettings } from '../src/http/routes/page-files.ts';
import { createService, type ServiceParts } from '../src/service/create-service.ts';

/** A backend that demands nothing. */
export class TestBackend extends BaseTrainerBackend {
  readonly name = 'test';
  readonly title = 'Test API';
  readonly example = makeRequest();
  readonly defaults = { port: 0, runtimeName: 'test-runtime' };
  readonly rules: readonly Rule[] = [];
}

export interface TestServiceOptions {
  readonly backend?: BaseTrainerBackend;
  /** On top of settings that suit tests: any free port, jobs of a few hundredths of a second. */
  readonly env?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Silent by default. */
  readonly logger?: Logger;
  readonly decorate?: ServiceParts['decorate'];
  /** Where the page lies that it serves; none by default. */
  readonly pageFolder?: URL;
}

/** Asks a service. */
export interface TestClient {
  /** A request to a path of the service; a body that is no text goes as JSON. */
  request(path: string, init?: TestRequest): Promise<TestAnswer>;
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<TestAnswer>;
  /** `GET /train/{jobId}` until the answer matches. */
  getUntil(jobId: string, isWanted: (body: TestAnswer['body']) => boolean): Promise<TestAnswer>;
}

export interface TestService extends TestClient, AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly port: number;
  /** Where trainings report. */
  readonly reportsUrl: string | undefined;
  close(): Promise<void>;
}

export interface TestRequest {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

export interface TestAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Parsed, when it is JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: what it holds is what tests are about.
  readonly body: any;
}

const ENV = {
  HOST: '127.0.0.1',
  PORT: '0',
  TRAINER_MOCK_SUBMITTED_SECONDS: '0.03',
  TRAINER_MOCK_RUNNING_SECONDS: '0.03',
};

/** Starts a whole service on a real socket; dispose of it, or close it. */
export async function startTestService(options: TestServiceOptions = {}): Promise<TestService> {
  const { backend = new TestBackend(), env, clock, random, decorate, pageFolder } = options;
  const { logger = pino({ level: 'silent' }) } = options;
  const config = parseConfig(backend.defaults, { ...ENV, ...env });
  const service = await createService({
    ...{ backend, config, logger },
    ...(clock && { clock }),
    ...(random && { random }),
    ...(decorate && { decorate }),
    ...(pageFolder && {
      pageFiles: await readPageFiles(pageFolder, toPageSettings(backend, config)),
    }),
  });
  const url = await service.listen();
  return {
    ...createTestClient(url),
    url,
    port: Number(new URL(url).port),
    reportsUrl: service.reportsUrl(),
    close: () => service.close(),
    [Symbol.asyncDispose]: () => service.close(),
  };
}

/** Asks the service at `url`, in whatever process it is. */
export function createTestClient(url: string): TestClient {
  const request = async (path: string, { method, headers, body }: TestRequest = {}) => {
    const isText = typeof body === 'string' || body instanceof Uint8Array;
    const response = await fetch(`${url}${path}`, {
      method: method ?? 'GET',
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: isText ? body : JSON.stringify(body) }),
      redirect: 'manual',
    });
    return toAnswer(response);
  };
  return {
    request,
    post: (path, body, headers = {}) => request(path, { method: 'POST', headers, body }),
    getUntil: async (jobId, isWanted) => {
      for (;;) {
        const answer = await request(`/train/${jobId}`);
        if (isWanted(answer.body)) return answer;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
  };
}

async function toAnswer(response: Response): Promise<TestAnswer> {
  const text = await response.text();
  const isJson = /[/+]json/.test(response.headers.get('content-type') ?? '') && text !== '';
  const { status, headers } = response;
  return { status, headers, text, body: isJson ? JSON.parse(text) : undefined };
}

/** A small valid request; the sections given replace its own. */
export function makeRequest(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    job_id: 'job-1',
    base_model: { provider: 'meta', model_name: 'meta-llama/Llama-2-7b' },
    datasets: [{ source: 's3://bucket/data.jsonl', format: 'jsonl' }],
    artifacts: { log_uri: 's3://bucket/logs/', output_uri: 's3://bucket/results/' },
    ...changes,
  };
}
