import type { TestProject } from 'vitest/node';
import { startTestbed } from '../../../../testbed/src/index.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** An administrator's, of the cluster that all suites share. */
    kubeconfigPath: string;
  }
}

/** Starts one test bed for all suites, unless KUBECONFIG names another cluster. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env.KUBECONFIG;
  if (given) {
    console.log(`cluster tests run on the cluster of ${given}`);
    project.provide('kubeconfigPath', given);
    return async () => {};
  }
  const testbed = await startTestbed({ log: console.log });
  for (const [name, version] of Object.entries(testbed.versions)) console.log(`${name} ${version}`);
  project.provide('kubeconfigPath', testbed.kubeconfigPath);
  return () => testbed.close();
}
