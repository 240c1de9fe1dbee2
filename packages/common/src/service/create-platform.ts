import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import { createSoleLeadership } from '../jobs/leadership.ts';
import { MemoryJobStore } from '../jobs/memory-job-store.ts';
import type { Platform, PlatformParts } from '../jobs/platform.ts';
import { MockRunner } from '../runners/mock/mock-runner.ts';

/** One line for each value of TRAINER_JOB_RUNNER. */
const PLATFORMS: Record<Config['runner'], (parts: PlatformParts) => Promise<Platform>> = {
  mock: async ({ config, clock }) => createMemoryPlatform(config, clock),
  kubernetes: async (parts) => {
    // Nobody else pays for the Kubernetes client.
    const { createKubernetesPlatform } = await import(
      '../runners/kubeflow/create-kubernetes-platform.ts'
    );
    return createKubernetesPlatform(parts);
  },
};

export function createPlatform(parts: PlatformParts): Promise<Platform> {
  return PLATFORMS[parts.config.runner](parts);
}

function createMemoryPlatform(config: Config, clock: Clock): Platform {
  const store = new MemoryJobStore();
  const runner = new MockRunner(config, clock);
  return {
    store,
    runner,
    leadership: createSoleLeadership(clock),
    apiEndpoints: [],
    open: async () => {},
    close: async () => {
      await runner.close();
      await store.close();
    },
  };
}
