import pino from 'pino';
import { beforeEach, describe, expect, test } from 'vitest';
import { FakeClock } from '../../../test/fake-clock.ts';
import { type ApiClient, ApiError, type ApiRequest } from '../../kubernetes/api-client.ts';
import { Capabilities } from './capabilities.ts';

const RUNTIME = {
  name: 'nemo-runtime',
  kind: 'ClusterTrainingRuntime',
  apiGroup: 'trainer.kubeflow.org',
};
const RUNTIME_PATH = '/apis/trainer.kubeflow.org/v1alpha1/clustertrainingruntimes/nemo-runtime';
const DOCUMENT_PATH = '/openapi/v3/apis/trainer.kubeflow.org/v1alpha1';

type Answer = () => unknown;

/** Answers by path, and notes what it was asked. */
class FakeApi implements ApiClient {
  readonly asked: string[] = [];
  readonly answers = new Map<string, Answer>();

  async call<T>({ path, query }: ApiRequest): Promise<T> {
    this.asked.push(path + (query?.hash === undefined ? '' : `?hash=${query.hash}`));
    const answer = this.answers.get(path);
    if (answer === undefined) throw new ApiError('none', { status: 404, reason: 'NotFound' });
    return answer() as T;
  }

  watch(): never {
    throw new Error('nothing is watched here');
  }

  stream(): never {
    throw new Error('nothing is streamed here');
  }

  endpoint() {
    return { address: '127.0.0.1', port: 6443 };
  }

  async close(): Promise<void> {}

  install(fields: readonly string[], hash = '1', podFields: readonly string[] = []): void {
    const serverRelativeURL = `${DOCUMENT_PATH}?hash=${hash}`;
    const paths = { 'apis/trainer.kubeflow.org/v1alpha1': { serverRelativeURL } };
    this.answers.set('/openapi/v3', () => ({ paths }));
    const properties = Object.fromEntries(
      fields.map((field) => [field, toSchema(field, podFields)]),
    );
    const kinds = [{ group: 'trainer.kubeflow.org', kind: 'TrainJob' }];
    const schema = {
      properties: { spec: { properties } },
      'x-kubernetes-group-version-kind': kinds,
    };
    this.answers.set(DOCUMENT_PATH, () => ({
      components: { schemas: { Other: { properties: {} }, 'org.kubeflow.TrainJob': schema } },
    }));
  }

  addRuntime(...names: string[]): void {
    const replicatedJobs = names.map((name) => ({ name }));
    this.answers.set(RUNTIME_PATH, () => ({ spec: { template: { spec: { replicatedJobs } } } }));
  }
}

describe('Capabilities', () => {
  let api: FakeApi;
  let clock: FakeClock;
  let capabilities: Capabilities;

  beforeEach(async () => {
    api = new FakeApi();
    clock = new FakeClock();
    // To lru-cache a time of 0 is none.
    await clock.advance(1000);
    capabilities = new Capabilities({
      client: api,
      clock,
      logger: pino({ level: 'silent' }),
      config: { jobsNamespace: 'jobs', trainJobApiVersion: 'trainer.kubeflow.org/v1alpha1' },
    });
  });

  test.each([
    ['v2.0', ['podSpecOverrides', 'trainer'], 'podSpecOverrides', false],
    ['v2.1', ['podTemplateOverrides', 'trainer'], 'podTemplateOverrides', false],
    ['v2.2', ['runtimePatches', 'activeDeadlineSeconds'], 'runtimePatches', true],
  ])('reads the fields of %s', async (_, fields, podPatchField, hasActiveDeadline) => {
    api.install(fields);
    expect(await capabilities.describe(RUNTIME)).toEqual({
      podPatchField,
      hasActiveDeadline,
      hasGracePeriod: false,
      steps: [],
    });
  });

  test.each(['runtimePatches', 'podTemplateOverrides', 'podSpecOverrides'])(
    'finds how long a pod has to end among the fields of %s',
    async (field) => {
      api.install([field], '1', ['nodeSelector', 'terminationGracePeriodSeconds']);
      expect(await capabilities.describe(RUNTIME)).toMatchObject({ hasGracePeriod: true });
    },
  );

  test('names the steps of a runtime apart from the training itself', async () => {
    api.install(['runtimePatches']);
    api.addRuntime('dataset-initializer', 'node');
    expect((await capabilities.describe(RUNTIME)).steps).toEqual(['dataset-initializer']);
  });

  test('remembers no absence of a runtime', async () => {
    api.install(['runtimePatches']);
    expect((await capabilities.describe(RUNTIME)).steps).toEqual([]);
    api.addRuntime('model-initializer', 'node');
    await clock.advance(2);
    expect((await capabilities.describe(RUNTIME)).steps).toEqual(['model-initializer']);
  });

  test('looks into no runtime that is not of Kubeflow', async () => {
    api.install(['runtimePatches']);
    await capabilities.describe({ ...RUNTIME, apiGroup: 'other.example' });
    await capabilities.describe({ ...RUNTIME, kind: 'OtherRuntime' });
    expect(api.asked).toEqual(['/openapi/v3', `${DOCUMENT_PATH}?hash=1`]);
  });

  test('finds a runtime of the namespace there', async () => {
    api.install(['runtimePatches']);
    await capabilities.describe({ ...RUNTIME, kind: 'TrainingRuntime' });
    const path =
      '/apis/trainer.kubeflow.org/v1alpha1/namespaces/jobs/trainingruntimes/nemo-runtime';
    expect(api.asked).toContain(path);
  });

  test('asks once for many, and again when that has grown old', async () => {
    api.install(['runtimePatches']);
    api.addRuntime('node');
    await Promise.all([1, 2, 3].map(() => capabilities.describe(RUNTIME)));
    expect(api.asked).toEqual(['/openapi/v3', RUNTIME_PATH, `${DOCUMENT_PATH}?hash=1`]);
    await clock.advance(31_000);
    api.asked.length = 0;
    await capabilities.describe(RUNTIME);
    expect(api.asked).toEqual([RUNTIME_PATH]);
  });

  test('notices a new release behind the answer, and reads the document only if it changed', async () => {
    api.install(['podTemplateOverrides'], '1');
    await capabilities.describe(RUNTIME);
    await clock.advance(301_000);
    api.asked.length = 0;
    await capabilities.describe(RUNTIME);
    await clock.advance(0);
    expect(api.asked).not.toContain(`${DOCUMENT_PATH}?hash=1`);

    api.install(['runtimePatches'], '2');
    await clock.advance(301_000);
    expect(await capabilities.describe(RUNTIME)).toMatchObject({
      podPatchField: 'podTemplateOverrides',
    });
    await clock.advance(0);
    expect(await capabilities.describe(RUNTIME)).toMatchObject({ podPatchField: 'runtimePatches' });
  });

  test('looks again at once after a field was refused', async () => {
    api.install(['runtimePatches'], '1');
    await capabilities.describe(RUNTIME);
    api.install(['podTemplateOverrides'], '2');
    capabilities.forget();
    expect(await capabilities.describe(RUNTIME)).toMatchObject({
      podPatchField: 'podTemplateOverrides',
    });
  });

  test('tells to try again while the cluster cannot be reached, and does once it can', async () => {
    const unreachable = () => {
      throw new ApiError('no answer', {});
    };
    api.answers.set('/openapi/v3', unreachable);
    const refused = { code: 'CLUSTER_UNAVAILABLE', retryAfterSeconds: 5 };
    await expect(capabilities.describe(RUNTIME)).rejects.toMatchObject(refused);
    api.install(['runtimePatches']);
    api.answers.set(RUNTIME_PATH, unreachable);
    await clock.advance(2);
    await expect(capabilities.describe(RUNTIME)).rejects.toMatchObject(refused);
    api.addRuntime('node');
    expect(await capabilities.describe(RUNTIME)).toMatchObject({ podPatchField: 'runtimePatches' });
  });

  test('goes on with what it knows while the cluster cannot be reached', async () => {
    api.install(['podSpecOverrides']);
    await capabilities.describe({ ...RUNTIME, kind: 'OtherRuntime' });
    await clock.advance(301_000);
    api.answers.clear();
    expect(await capabilities.describe({ ...RUNTIME, kind: 'OtherRuntime' })).toMatchObject({
      podPatchField: 'podSpecOverrides',
    });
  });

  test('says when Kubeflow Trainer is not there', async () => {
    api.answers.set('/openapi/v3', () => ({ paths: {} }));
    await expect(capabilities.describe(RUNTIME)).rejects.toMatchObject({
      code: 'CLUSTER_UNAVAILABLE',
      message: 'Kubeflow Trainer is not installed in the cluster.',
    });
  });

  test('takes the newest release for granted where the schema may not be read', async () => {
    api.answers.set('/openapi/v3', () => {
      throw new ApiError('forbidden', { status: 403 });
    });
    expect(await capabilities.describe(RUNTIME)).toMatchObject({
      podPatchField: 'runtimePatches',
      hasActiveDeadline: true,
      hasGracePeriod: false,
    });
  });
});

/** A field of the TrainJob by which pods are changed, with what it lets be changed. */
function toSchema(field: string, podFields: readonly string[]): object {
  const pod = { properties: Object.fromEntries(podFields.map((name) => [name, {}])) };
  const within = (path: readonly string[], schema: object) =>
    path.reduceRight((inner, name) => ({ properties: { [name]: inner } }), schema);
  switch (field) {
    case 'runtimePatches': {
      const job = within(['template', 'spec', 'template', 'spec'], pod);
      const path = ['trainingRuntimeSpec', 'template', 'spec', 'replicatedJobs'];
      return { items: within(path, { items: job }) };
    }
    case 'podTemplateOverrides':
      return { items: within(['spec'], pod) };
    case 'podSpecOverrides':
      return { items: pod };
    default:
      return {};
  }
}
