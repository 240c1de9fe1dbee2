import { Writable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createLogger } from '../../src/logger.ts';
import { createRequestFormat, REQUEST_FORMAT } from '../../src/requests/parse-training-request.ts';
import { TrainingRequestSchema } from '../../src/requests/training-request.ts';
import { toRenderedEcho } from '../../src/runners/kubeflow/trainjob/job-spec-echo.ts';
import { ALL_CAPABILITIES, renderTrainJob } from '../../src/runners/kubeflow/trainjob/manifest.ts';
import { type Body, makeBody, makeConfig } from '../builders.ts';
import { startTestService, TestBackend } from '../start-test-service.ts';
import { startWebhookReceiver } from '../webhook-receiver.ts';
import { objectPaths, withMarkedField } from '../with-marked-field.ts';

/** A name that says nothing, so that the mark alone can tell. */
const FIELD = 'xq_plain';
const PATHS = objectPaths(REQUEST_FORMAT.shape);

/** A backend whose schema has one more credential, in the object at `path`. */
class MarkedBackend extends TestBackend {
  readonly #format;

  constructor(path: readonly string[]) {
    super();
    this.#format = createRequestFormat(withMarkedField(TrainingRequestSchema, path, FIELD));
  }

  override get format() {
    return this.#format;
  }
}

function makeMarkedBody(path: readonly string[], canary: string, changes: Body = {}): Body {
  const body = makeBody({
    customization: { method: 'qlora', lora: {}, qlora: {}, peft: {} },
    resources: {},
    'datasets.0.auth': { role_arn: 'arn:aws:iam::1:role/r' },
    'artifacts.auth': {},
    tuning_parameters: {},
    callbacks: {},
    extra_parameters: {
      runtime_ref: { name: 'r' },
      mock: { submitted_seconds: 0, running_seconds: 0 },
      tolerations: [{ key: 'k' }],
    },
    ...changes,
  });
  let target = body;
  for (const segment of path) {
    target[segment] ??= {};
    target = target[segment] as Body;
  }
  target[FIELD] = canary;
  return body;
}

test('every object of the schema is tried', () => {
  const names = PATHS.map((path) => path.join('.'));
  expect(names.length).toBeGreaterThan(15);
  for (const name of ['', 'base_model', 'datasets.0.auth', 'extra_parameters.tolerations.0']) {
    expect(names).toContain(name);
  }
});

test('a marked field stands in no plan, TrainJob, echo, canonical form or warning', () => {
  const canary = fc.stringMatching(/^ZQ[A-Za-z0-9]{10}QZ$/);
  fc.assert(
    fc.property(fc.constantFrom(...PATHS), canary, fc.boolean(), (path, text, isRepeated) => {
      const changes: Body = isRepeated
        ? { 'tuning_parameters.note': `see ${text}`, 'extra_parameters.trainer_args': [text] }
        : {};
      const body = makeMarkedBody(path, text, changes);
      const config = makeConfig();
      const { spec, asked, fingerprints, warnings } = new MarkedBackend(path).prepare(body, config);
      const { manifest } = renderTrainJob(spec, config, ALL_CAPABILITIES);
      const shown = { spec, manifest, echo: toRenderedEcho(manifest), fingerprints, warnings };
      expect(JSON.stringify(shown)).not.toContain(text);
      // Elsewhere it is no credential to a request that is compared.
      if (!isRepeated) expect(JSON.stringify(asked)).not.toContain(text);
    }),
    { numRuns: 200 },
  );
});

describe('a marked field is shown by no answer, error, log or callback', () => {
  test.each(PATHS.map((path) => [path.join('.'), path] as const))('in %j', async (_, path) => {
    const canary = 'ZQcanaryQZ';
    const logged: string[] = [];
    const stream = new Writable({
      write: (chunk, _encoding, done) => {
        logged.push(String(chunk));
        done();
      },
    });
    const logger = createLogger('test', { logLevel: 'trace' }, stream);
    const receiver = await startWebhookReceiver();
    await using service = await startTestService({ backend: new MarkedBackend(path), logger });
    const callbacks = { webhook_url: receiver.url };
    const body = makeMarkedBody(path, canary, { callbacks });
    const submitted = await service.post('/train', body);
    expect(submitted.status).toBe(200);
    const final = await receiver.next(({ json }) => json.status === 'succeeded');
    const conflicting = makeMarkedBody(path, `${canary}2`, { callbacks, 'resources.gpus': 7 });
    const answers = [
      submitted,
      await service.post('/train', body),
      await service.post('/train', conflicting),
      await service.post('/train', makeMarkedBody(path, canary, { job_id: 'a b' })),
      await service.request('/train/job-1'),
      await service.request('/metrics'),
    ];
    await receiver.close();
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 409, 400, 200, 200]);
    const outputs = [...answers.map(({ text }) => text), ...logged, JSON.stringify(final.json)];
    for (const output of outputs) expect(output).not.toContain(canary);
  });
});
