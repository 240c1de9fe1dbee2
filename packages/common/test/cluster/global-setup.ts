import { startTestbed } from '@trainer/testbed';
import type { TestProject } from 'vitest/node';
import { createApiClient } from '../../src/kubernetes/http-client.ts';
import { surveyCluster } from './survey-cluster.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** An administrator's, of the cluster that all suites share. */
    kubeconfigPath: string;
  }
}

/** Starts one test bed for all suites, unless KUBECONFIG names another cluster, which must have all. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env.KUBECONFIG;
  if (given) {
    console.log(`cluster tests run on the cluster of ${given}`);
    await examine(given);
    project.provide('kubeconfigPath', given);
    return async () => {};
  }
  const testbed = await startTestbed({ log: console.log });
  for (const [name, version] of Object.entries(testbed.versions)) console.log(`${name} ${version}`);
  project.provide('kubeconfigPath', testbed.kubeconfigPath);
  return () => testbed.close();
}

async function examine(kubeconfigPath: string): Promise<void> {
  const client = await createApiClient({ kubeconfigPath });
  try {
    const { found, missing } = await surveyCluster(client);
    for (const line of found) console.log(line);
    if (missing.length === 0) return;
    throw new Error(`the cluster of KUBECONFIG is not complete. ${missing.join('; ')}`);
  } finally {
    await client.close();
  }
}
