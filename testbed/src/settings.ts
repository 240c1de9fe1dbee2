import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { kubeconfigOf, webhookCerts } from './certs.ts';
import type { Setting } from './components.ts';
import { kueueCerts } from './modules.ts';
import { podStages } from './pod-stages.ts';

// Generous enough that a thousand jobs at once wait for work to be done and not for a rate limit.
const connection = { qps: 1000, burst: 2000 };

/** The configuration files that the components are started with. JSON is YAML too. */
export async function writeSettings(setting: Setting): Promise<void> {
  const { dir, certs } = setting;
  const file = (name: string, content: unknown) =>
    writeFile(join(dir, name), JSON.stringify(content, null, 2));
  await Promise.all([
    file('scheduler.json', schedulerSettings(dir)),
    file('trainer.json', trainerSettings(setting)),
    file('jobset.json', jobsetSettings(setting)),
    file('kwok.json', kwokSettings),
    file('kueue.json', kueueSettings(setting)),
    writeFile(
      join(dir, 'pod-stages.yaml'),
      podStages.map((stage) => JSON.stringify(stage)).join('\n---\n'),
    ),
    webhookCerts(certs, join(dir, 'jobset-certs')),
    webhookCerts(certs, join(dir, kueueCerts)),
    webhookCerts(certs, join(dir, 'tmp/k8s-webhook-server/serving-certs')),
  ]);
}

function schedulerSettings(dir: string) {
  return {
    apiVersion: 'kubescheduler.config.k8s.io/v1',
    kind: 'KubeSchedulerConfiguration',
    leaderElection: { leaderElect: false },
    clientConnection: { kubeconfig: kubeconfigOf(dir, 'kube-scheduler'), ...connection },
    podInitialBackoffSeconds: 1,
    podMaxBackoffSeconds: 2,
  };
}

function trainerSettings({ ports }: Setting) {
  return {
    apiVersion: 'config.trainer.kubeflow.org/v1alpha1',
    kind: 'Configuration',
    health: { healthProbeBindAddress: `127.0.0.1:${ports.trainerHealth}` },
    metrics: { bindAddress: '0' },
    webhook: { host: '127.0.0.1', port: ports.trainerWebhook },
    leaderElection: { leaderElect: false },
    certManagement: { enable: false },
    clientConnection: connection,
  };
}

function jobsetSettings({ dir, ports }: Setting) {
  return {
    apiVersion: 'config.jobset.x-k8s.io/v1alpha1',
    kind: 'Configuration',
    health: { healthProbeBindAddress: `127.0.0.1:${ports.jobsetHealth}` },
    metrics: { bindAddress: '0' },
    webhook: { host: '127.0.0.1', port: ports.jobsetWebhook, certDir: join(dir, 'jobset-certs') },
    leaderElection: { leaderElect: false },
    internalCertManagement: { enable: false },
    clientConnection: connection,
  };
}

function kueueSettings({ dir, ports }: Setting) {
  return {
    apiVersion: 'config.kueue.x-k8s.io/v1beta2',
    kind: 'Configuration',
    namespace: 'kueue-system',
    health: { healthProbeBindAddress: `127.0.0.1:${ports.kueueHealth}` },
    metrics: { bindAddress: '0' },
    webhook: { host: '127.0.0.1', port: ports.kueueWebhook, certDir: join(dir, kueueCerts) },
    leaderElection: { leaderElect: false },
    internalCertManagement: { enable: false },
    clientConnection: connection,
    controller: {
      groupKindConcurrency: {
        'TrainJob.trainer.kubeflow.org': 10,
        'Workload.kueue.x-k8s.io': 10,
        'LocalQueue.kueue.x-k8s.io': 5,
        'ClusterQueue.kueue.x-k8s.io': 5,
      },
    },
    manageJobsWithoutQueueName: false,
    integrations: { frameworks: ['trainer.kubeflow.org/trainjob'] },
    visibilityServer: { bindAddress: '127.0.0.1', bindPort: ports.kueueVisibility },
  };
}

const kwokSettings = {
  apiVersion: 'config.kwok.x-k8s.io/v1alpha1',
  kind: 'KwokConfiguration',
  options: {
    // Others may run their pods themselves.
    manageAllNodes: false,
    manageNodesWithAnnotationSelector: 'kwok.x-k8s.io/node=fake',
    podPlayStageParallelism: 32,
    nodePlayStageParallelism: 8,
    podsOnNodeSyncParallelism: 16,
    nodeLeaseParallelism: 4,
    nodeLeaseDurationSeconds: 40,
    cidr: '10.244.0.0/16',
  },
};
