import { readFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import type { Binaries } from './build.ts';
import { type Certs, FRONT_PROXY, kubeconfigOf } from './certs.ts';
import type { ComponentSpec } from './component.ts';

export interface Ports {
  etcd: number;
  etcdPeer: number;
  etcdHealth: number;
  apiserver: number;
  controllerManager: number;
  scheduler: number;
  trainerWebhook: number;
  trainerHealth: number;
  jobsetWebhook: number;
  jobsetHealth: number;
  kwok: number;
  kueueWebhook: number;
  kueueHealth: number;
  kueueVisibility: number;
}

export interface Setting {
  dir: string;
  binaries: Binaries;
  certs: Certs;
  ports: Ports;
}

export function componentSpecs(setting: Setting): ComponentSpec[] {
  return [
    etcd(setting),
    apiserver(setting),
    controllerManager(setting),
    scheduler(setting),
    jobset(setting),
    trainer(setting),
    kwok(setting),
    kueue(setting),
  ];
}

function etcd(setting: Setting): ComponentSpec {
  const { dir, certs, ports } = setting;
  const peer = `http://127.0.0.1:${ports.etcdPeer}`;
  const client = `https://127.0.0.1:${ports.etcd}`;
  return controlPlane(setting, 'etcd', probe(`http://127.0.0.1:${ports.etcdHealth}/readyz`), [
    `--data-dir=${join(dir, 'etcd')}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    `--listen-metrics-urls=http://127.0.0.1:${ports.etcdHealth}`,
    `--cert-file=${certs.file('serving.crt')}`,
    `--key-file=${certs.file('serving.key')}`,
    `--trusted-ca-file=${certs.file('ca.crt')}`,
    '--client-cert-auth',
    '--unsafe-no-fsync',
    // A single member has no one to be elected against; the default makes every start wait for a second.
    '--heartbeat-interval=50',
    '--election-timeout=250',
    '--quota-backend-bytes=4294967296',
    '--log-level=warn',
  ]);
}

function apiserver(setting: Setting): ComponentSpec {
  const { certs, ports } = setting;
  return controlPlane(
    setting,
    'kube-apiserver',
    probe(`https://127.0.0.1:${ports.apiserver}/readyz`, certs),
    [
      '--bind-address=127.0.0.1',
      '--advertise-address=127.0.0.1',
      `--secure-port=${ports.apiserver}`,
      '--endpoint-reconciler-type=none',
      `--etcd-servers=https://127.0.0.1:${ports.etcd}`,
      `--etcd-cafile=${certs.file('ca.crt')}`,
      `--etcd-certfile=${certs.file('etcd-client.crt')}`,
      `--etcd-keyfile=${certs.file('etcd-client.key')}`,
      `--client-ca-file=${certs.file('ca.crt')}`,
      // For Kueue's own API server.
      `--requestheader-client-ca-file=${certs.file('ca.crt')}`,
      `--requestheader-allowed-names=${FRONT_PROXY}`,
      '--requestheader-username-headers=X-Remote-User',
      '--requestheader-group-headers=X-Remote-Group',
      '--requestheader-extra-headers-prefix=X-Remote-Extra-',
      `--proxy-client-cert-file=${certs.file('front-proxy.crt')}`,
      `--proxy-client-key-file=${certs.file('front-proxy.key')}`,
      ...serving(certs),
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${certs.file('sa.pub')}`,
      `--service-account-signing-key-file=${certs.file('sa.key')}`,
      '--service-cluster-ip-range=10.96.0.0/16',
      '--authorization-mode=Node,RBAC',
      // For pods/log, of the nodes that have a log to show.
      `--kubelet-certificate-authority=${certs.file('ca.crt')}`,
      `--kubelet-client-certificate=${certs.file('apiserver-kubelet.crt')}`,
      `--kubelet-client-key=${certs.file('apiserver-kubelet.key')}`,
      '--kubelet-preferred-address-types=InternalIP',
      '--max-requests-inflight=1600',
      '--max-mutating-requests-inflight=800',
    ],
  );
}

function controllerManager(setting: Setting): ComponentSpec {
  const { dir, certs, ports } = setting;
  const kubeconfig = kubeconfigOf(dir, 'kube-controller-manager');
  return controlPlane(
    setting,
    'kube-controller-manager',
    probe(`https://127.0.0.1:${ports.controllerManager}/healthz`, certs),
    [
      `--kubeconfig=${kubeconfig}`,
      `--authentication-kubeconfig=${kubeconfig}`,
      `--authorization-kubeconfig=${kubeconfig}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${ports.controllerManager}`,
      ...serving(certs),
      `--service-account-private-key-file=${certs.file('sa.key')}`,
      `--root-ca-file=${certs.file('ca.crt')}`,
      '--use-service-account-credentials',
      '--leader-elect=false',
      // No traffic flows here, and these would make a fifth of all writes of a job.
      '--controllers=*,-endpoints-controller,-endpointslice-controller',
      '--concurrent-job-syncs=20',
      '--concurrent-gc-syncs=40',
      '--concurrent-resource-quota-syncs=10',
      '--kube-api-qps=1000',
      '--kube-api-burst=2000',
    ],
  );
}

function scheduler(setting: Setting): ComponentSpec {
  const { dir, certs, ports } = setting;
  const kubeconfig = kubeconfigOf(dir, 'kube-scheduler');
  return controlPlane(
    setting,
    'kube-scheduler',
    probe(`https://127.0.0.1:${ports.scheduler}/healthz`, certs),
    [
      `--config=${join(dir, 'scheduler.json')}`,
      `--authentication-kubeconfig=${kubeconfig}`,
      `--authorization-kubeconfig=${kubeconfig}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${ports.scheduler}`,
      ...serving(certs),
    ],
  );
}

function serving(certs: Certs): string[] {
  return [
    `--tls-cert-file=${certs.file('serving.crt')}`,
    `--tls-private-key-file=${certs.file('serving.key')}`,
  ];
}

function controlPlane(
  setting: Setting,
  name: string,
  ready: ComponentSpec['ready'],
  flags: string[],
): ComponentSpec {
  return {
    name,
    command: [binary(setting, 'control-plane'), name, ...flags],
    cwd: setting.dir,
    // Memory is less scarce than processor time.
    env: { GOGC: '300' },
    ready,
  };
}

function jobset(setting: Setting): ComponentSpec {
  const { dir, ports } = setting;
  return {
    name: 'jobset',
    command: [
      binary(setting, 'jobset'),
      `--config=${join(dir, 'jobset.json')}`,
      '--zap-log-level=info',
    ],
    cwd: dir,
    env: { KUBECONFIG: kubeconfigOf(dir, 'jobset') },
    ready: probe(`http://127.0.0.1:${ports.jobsetHealth}/readyz`),
  };
}

function trainer(setting: Setting): ComponentSpec {
  const { dir, ports } = setting;
  // Its webhook server has no setting for the folder of its certificate: it is $TMPDIR/k8s-webhook-server/serving-certs.
  return {
    name: 'trainer',
    command: [binary(setting, 'trainer'), `--config=${join(dir, 'trainer.json')}`],
    cwd: dir,
    env: { KUBECONFIG: kubeconfigOf(dir, 'trainer'), TMPDIR: join(dir, 'tmp') },
    ready: probe(`http://127.0.0.1:${ports.trainerHealth}/readyz`),
  };
}

function kwok(setting: Setting): ComponentSpec {
  const { dir, binaries, ports } = setting;
  const nodeStages = join(binaries.kwok?.source ?? '', 'kustomize/stage/node');
  return {
    name: 'kwok',
    command: [
      binary(setting, 'kwok'),
      `--kubeconfig=${kubeconfigOf(dir, 'kwok')}`,
      `--config=${join(dir, 'kwok.json')}`,
      `--config=${join(nodeStages, 'fast/node-initialize.yaml')}`,
      `--config=${join(nodeStages, 'heartbeat-with-lease/node-heartbeat-with-lease.yaml')}`,
      `--config=${join(dir, 'pod-stages.yaml')}`,
      `--server-address=127.0.0.1:${ports.kwok}`,
    ],
    cwd: dir,
    ready: probe(`http://127.0.0.1:${ports.kwok}/healthz`),
  };
}

function kueue(setting: Setting): ComponentSpec {
  const { dir, ports } = setting;
  return {
    name: 'kueue',
    command: [
      binary(setting, 'kueue'),
      `--config=${join(dir, 'kueue.json')}`,
      // Its API server asks whether a call is allowed by this one, and knows no KUBECONFIG.
      `--kubeconfig=${kubeconfigOf(dir, 'kueue')}`,
      '--zap-log-level=info',
    ],
    cwd: dir,
    ready: probe(`http://127.0.0.1:${ports.kueueHealth}/readyz`),
  };
}

function binary({ binaries }: Setting, name: string): string {
  const found = binaries[name];
  if (!found) throw new Error(`the test bed has no binary ${name}`);
  return found.path;
}

function probe(url: string, certs?: Certs): () => Promise<boolean> {
  return async () => {
    const tls = certs && {
      ca: await readFile(certs.file('ca.crt')),
      cert: await readFile(certs.file('admin.crt')),
      key: await readFile(certs.file('admin.key')),
    };
    return new Promise((resolve) => {
      const outgoing = (tls ? httpsRequest : httpRequest)(
        url,
        { ...tls, agent: false, timeout: 1_000 },
        (response) => {
          response.resume();
          resolve(response.statusCode === 200);
        },
      );
      outgoing.on('timeout', () => outgoing.destroy());
      outgoing.on('error', () => resolve(false));
      outgoing.end();
    });
  };
}
