import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type ApiClient, ApiError } from '../../src/kubernetes/api-client.ts';
import { createApiClient } from '../../src/kubernetes/http-client.ts';
import { surveyCluster } from './survey-cluster.ts';

describe('surveyCluster', () => {
  let client: ApiClient;

  beforeAll(async () => {
    client = await createApiClient({ kubeconfigPath: inject('kubeconfigPath') });
  });
  afterAll(() => client?.close());

  /** The cluster, but for what it says of the path that ends so. */
  const but = (end: string, answer: () => unknown): Pick<ApiClient, 'call'> => ({
    call: async (request) =>
      request.path.endsWith(end) ? (answer() as never) : client.call(request),
  });
  const absent = () => {
    throw new ApiError('absent', { status: 404 });
  };
  const deployment = (image: string, availableReplicas: number) => ({
    spec: { template: { spec: { containers: [{ image: 'a/proxy:v3' }, { image }] } } },
    status: { availableReplicas },
  });

  it('finds everything on the cluster that the tests run on', async () => {
    const { found, missing } = await surveyCluster(client);
    expect(missing).toEqual([]);
    const names = found.map((line) => line.replace(/ (v\d|kwok-|of unknown version).*$/, ''));
    expect(names).toEqual(['Kubernetes', 'Kubeflow Trainer', 'JobSet', 'Kueue', 'kwok']);
    expect(found[0]).toMatch(/^Kubernetes v1\.\d+/);
  });

  it.each([
    ['trainjobs.trainer.kubeflow.org', 'Kubeflow Trainer'],
    ['jobsets.jobset.x-k8s.io', 'JobSet'],
    ['clusterqueues.kueue.x-k8s.io', 'Kueue'],
  ])('misses %s', async (crd, name) => {
    const { found, missing } = await surveyCluster(but(crd, absent));
    expect(missing).toEqual([`${name}: there is no ${crd}`]);
    expect(found).toHaveLength(4);
  });

  it('misses simulated nodes', async () => {
    const { missing } = await surveyCluster(but('/nodes', () => ({ items: [] })));
    expect(missing).toEqual(['kwok: none of its nodes is ready']);
  });

  it('reads versions off images, and misses what has no replica', async () => {
    const items = [
      deployment('registry.example:5000/kubeflow/trainer/trainer-controller-manager:v2.3.0', 1),
      deployment('registry.example/jobset/jobset@sha256:0123', 1),
      deployment('registry.example/kueue/kueue:v0.19.0@sha256:0123', 0),
    ];
    const { found, missing } = await surveyCluster(but('/deployments', () => ({ items })));
    expect(found).toEqual(
      expect.arrayContaining(['Kubeflow Trainer v2.3.0', 'JobSet of unknown version']),
    );
    expect(missing).toEqual(['Kueue: no replica is available']);
  });
});
