import { AddressPolicy } from '../callbacks/http/address-policy.ts';
import { HostPattern, toBareHost } from '../callbacks/http/host-pattern.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import { createSoleLeadership } from '../jobs/leadership.ts';
import { MemoryJobStore } from '../jobs/memory-job-store.ts';
import type { Platform, PlatformParts } from '../jobs/platform.ts';
import { MockRunner } from '../runners/mock/mock-runner.ts';

/** One line for each value of TRAINER_JOB_RUNNER. */
const PLATFORMS: Record<Config['runner'], (parts: PlatformParts) => Promise<Platform>> = {
  mock: async ({ config, clock }) => createMemoryPlatform(config, clock),
  local: async (parts) => {
    // Nobody else pays for SQLite.
    const { createLocalPlatform } = await import('../runners/local/create-local-platform.ts');
    return createLocalPlatform(parts, createUrlRefusal(parts.config.local.allowedHosts));
  },
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

/**
 * Which addresses trainings of this machine may be sent to, as far as their text shows; the training
 * runtime judges what it dials.
 */
function createUrlRefusal(allowedHosts: readonly string[]): (url: string) => string | undefined {
  const policy = new AddressPolicy({
    allowLoopback: false,
    allowedHosts: undefined,
    publicOnly: true,
    forbiddenEndpoints: [],
  });
  const allowed = allowedHosts.map((text) => new HostPattern(text));
  return (text) => {
    const url = URL.parse(text);
    const port = Number(url?.port || (url?.protocol === 'http:' ? 80 : 443));
    const host = toBareHost(url?.hostname ?? '');
    if (allowed.some((pattern) => pattern.matches(host, port))) return undefined;
    const refusal = policy.refuseUrl(text);
    return refusal && `${refusal} (TRAINER_LOCAL_ALLOWED_HOSTS opens more)`;
  };
}
