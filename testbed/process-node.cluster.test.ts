import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import {
  connect,
  findMissingRequirement,
  type ImageTable,
  type Kube,
  KubeError,
  ProcessNode,
  RUNS_PODS,
  until,
} from './src/index.ts';

const NAMESPACE = `process-node-${randomUUID().slice(0, 8)}`;
const SHELL = 'registry.example/shell:1';
const IMAGES: ImageTable = {
  [SHELL]: {
    ...{ content: {}, entrypoint: ['sh', '-c'], command: ['exit 9'], workingDir: '/work' },
    env: { OF_IMAGE: 'image', PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    user: { uid: 1001, gid: 0 },
  },
};
const missing = findMissingRequirement();
const name =
  missing === undefined ? 'a node that runs pods' : `a node that runs pods needs ${missing}`;

// biome-ignore lint/suspicious/noExplicitAny: a pod's status as the API server has it
type Status = any;

describe.skipIf(missing !== undefined)(name, () => {
  let kube: Kube;
  let node: ProcessNode;
  const core = `/api/v1/namespaces/${NAMESPACE}`;

  beforeAll(async () => {
    const kubeconfigPath = inject('kubeconfigPath');
    kube = await connect(kubeconfigPath);
    await kube.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
    await until('the namespace has its account', () => exists(`${core}/serviceaccounts/default`));
    node = await ProcessNode.start({ bedDir: dirname(kubeconfigPath), images: IMAGES });
    await kube.call('POST', `${core}/secrets`, {
      metadata: { name: 'keys' },
      stringData: { token: 's3cr3t', other: 'two' },
    });
    await kube.call('POST', `${core}/configmaps`, {
      metadata: { name: 'settings' },
      data: { mode: 'fast', 'a.b': 'dotted' },
    });
  });
  afterAll(async () => {
    await node?.close();
    await kube?.call('DELETE', '/api/v1/nodes/process-0').catch(() => {});
    await kube?.call('DELETE', `/api/v1/namespaces/${NAMESPACE}`);
    kube?.close();
  });

  const exists = (path: string) =>
    kube.call('GET', path).then(
      () => true,
      (error) => {
        if (error instanceof KubeError && error.status === 404) return false;
        throw error;
      },
    );

  const container = (script: string, more: object = {}) => ({
    ...{ name: 'main', image: SHELL, args: [script] },
    ...more,
  });
  const create = async (pod: string, spec: object) => {
    await kube.call('POST', `${core}/pods`, {
      metadata: { name: pod, labels: { app: pod } },
      spec: {
        restartPolicy: 'Never',
        automountServiceAccountToken: false,
        nodeSelector: { [RUNS_PODS]: 'true' },
        tolerations: [{ key: RUNS_PODS, operator: 'Exists' }],
        ...spec,
      },
    });
  };
  const untilStatus = async (pod: string, isWanted: (status: Status) => boolean) => {
    let status: Status;
    const check = async () => {
      ({ status } = await kube.call('GET', `${core}/pods/${pod}`));
      if (status.reason === 'NodeFault') throw new Error(status.message);
      return isWanted(status);
    };
    await until(`${pod} is as wanted`, check, { timeoutMs: 60_000 });
    return status;
  };
  const untilEnd = (pod: string) =>
    untilStatus(pod, ({ phase }) => ['Succeeded', 'Failed'].includes(phase));
  const logOf = (pod: string, query = '') =>
    kube.call<string>('GET', `${core}/pods/${pod}/log?container=main${query}`);
  const endOf = (status: Status) => status.containerStatuses[0].state.terminated;

  it('resolves the environment, expands references and runs as the user of the image', async () => {
    const env = [
      { name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'keys', key: 'token' } } },
      { name: 'MODE', valueFrom: { configMapKeyRef: { name: 'settings', key: 'mode' } } },
      { name: 'GONE', valueFrom: { secretKeyRef: { name: 'keys', key: 'x', optional: true } } },
      { name: 'LABEL', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
      { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } } },
      { name: 'BOTH', value: '$(TOKEN)-$(OWN_other)-$$(TOKEN)-$(NOWHERE)' },
    ];
    const script = 'echo "$TOKEN|$MODE|$GONE|$LABEL|$CPU|$BOTH|$OF_IMAGE|$(id -u)|$PWD|$(MODE)"';
    await create('environment', {
      containers: [
        container(script, {
          ...{ env, envFrom: [{ prefix: 'OWN_', secretRef: { name: 'keys' } }] },
          resources: { limits: { cpu: '250m' } },
        }),
      ],
    });
    expect((await untilEnd('environment')).phase).toBe('Succeeded');
    const both = 's3cr3t-two-$(TOKEN)-$(NOWHERE)';
    expect(await logOf('environment')).toBe(
      `s3cr3t|fast||environment|250|${both}|image|1001|/work|fast\n`,
    );
  });

  it('lays volumes out at their paths, which containers of a pod share', async () => {
    await create('volumes', {
      initContainers: [
        {
          ...container('echo shared > /memory/file; echo first > /deep/below/file'),
          name: 'prepare',
          volumeMounts: [
            { name: 'memory', mountPath: '/memory' },
            { name: 'scratch', mountPath: '/deep/below' },
          ],
        },
      ],
      containers: [
        container(
          [
            'cat /memory/file /deep/below/file /etc/keys/renamed /etc/settings/a.b /etc/all/labels /etc/all/token',
            'df --output=size /memory | tail -1 | tr -d " "; touch /etc/keys/x 2>&1 | grep -o Read-only',
            'stat -c %a /etc/keys/renamed; ls /machine-only 2>/dev/null; echo x > /left-behind || true',
          ].join('; '),
          {
            volumeMounts: [
              { name: 'memory', mountPath: '/memory' },
              { name: 'scratch', mountPath: '/deep/below' },
              { name: 'keys', mountPath: '/etc/keys' },
              { name: 'settings', mountPath: '/etc/settings' },
              { name: 'all', mountPath: '/etc/all' },
            ],
          },
        ),
      ],
      volumes: [
        { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '2Mi' } },
        { name: 'scratch', emptyDir: {} },
        {
          name: 'keys',
          secret: { secretName: 'keys', items: [{ key: 'token', path: 'renamed', mode: 0o444 }] },
        },
        { name: 'settings', configMap: { name: 'settings' } },
        {
          name: 'all',
          projected: {
            sources: [
              {
                downwardAPI: {
                  items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }],
                },
              },
              { secret: { name: 'keys', items: [{ key: 'other', path: 'token' }] } },
            ],
          },
        },
      ],
    });
    expect((await untilEnd('volumes')).phase).toBe('Succeeded');
    const content = 'shared\nfirst\ns3cr3tdottedapp="volumes"two';
    expect(await logOf('volumes')).toContain(`${content}2048\nRead-only\n444\n`);
  });

  it('tells exit code and termination message, and the end of the log in its place', async () => {
    await create('message', {
      containers: [container('echo "CODE: a sentence" > /dev/termination-log; exit 3')],
    });
    await create('from-log', {
      containers: [
        container('echo last words; exit 5', {
          terminationMessagePolicy: 'FallbackToLogsOnError',
        }),
      ],
    });
    expect(endOf(await untilEnd('message'))).toMatchObject({
      ...{ exitCode: 3, reason: 'Error', message: 'CODE: a sentence\n' },
    });
    const status = await untilEnd('from-log');
    expect(status.phase).toBe('Failed');
    expect(endOf(status)).toMatchObject({ exitCode: 5, message: 'last words\n' });
  });

  it('sends SIGTERM, reports the end, and only then lets a deleted pod go', async () => {
    const script = 'trap "echo told; exit 143" TERM; echo up; while :; do sleep 0.1; done';
    await create('deleted', { containers: [container(script)] });
    await untilStatus('deleted', ({ phase }) => phase === 'Running');
    await until('it is up', async () => (await logOf('deleted')) === 'up\n');
    const ends = await kube.stream(
      `${core}/pods?watch=true&fieldSelector=metadata.name%3Ddeleted&timeoutSeconds=60`,
      AbortSignal.timeout(60_000),
    );
    await kube.call('DELETE', `${core}/pods/deleted`);
    let text = '';
    for await (const chunk of ends) {
      text += chunk;
      if (text.includes('"DELETED"')) break;
    }
    expect(text).toContain('"exitCode":143');
    expect(text).toContain('"phase":"Failed"');
  });

  it('kills what does not heed SIGTERM when the grace is over', async () => {
    await create('stubborn', {
      terminationGracePeriodSeconds: 1,
      containers: [container('trap "" TERM; echo up; while :; do sleep 0.1; done')],
    });
    await untilStatus('stubborn', ({ phase }) => phase === 'Running');
    await kube.call('DELETE', `${core}/pods/stubborn`);
    await until('it is gone', async () => !(await exists(`${core}/pods/stubborn`)));
  });

  it('waits with the words of a kubelet for an image or a Secret that is not there', async () => {
    await create('no-image', { containers: [{ ...container('true'), image: 'nowhere/absent:1' }] });
    await create('no-secret', {
      containers: [
        container('echo "$A"', {
          env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'later', key: 'a' } } }],
        }),
      ],
    });
    const waits = (reason: string) => (status: Status) =>
      status.containerStatuses?.[0]?.state.waiting?.reason === reason;
    await untilStatus('no-image', waits('ImagePullBackOff'));
    const status = await untilStatus('no-secret', waits('CreateContainerConfigError'));
    expect(status.containerStatuses[0].state.waiting.message).toBe('secret "later" not found');
    await kube.call('POST', `${core}/secrets`, {
      metadata: { name: 'later' },
      stringData: { a: 'now' },
    });
    await untilEnd('no-secret');
    expect(await logOf('no-secret')).toBe('now\n');
  });

  it('runs sidecars beside the others and ends them last', async () => {
    await create('sidecar', {
      initContainers: [
        {
          ...container('trap "exit 0" TERM; while :; do sleep 0.1; done'),
          ...{ name: 'beside', restartPolicy: 'Always' },
        },
      ],
      containers: [container('echo done')],
    });
    const status = await untilEnd('sidecar');
    expect(status.phase).toBe('Succeeded');
    const [beside] = status.initContainerStatuses;
    expect(Date.parse(beside.state.terminated.finishedAt)).toBeGreaterThanOrEqual(
      Date.parse(endOf(status).finishedAt),
    );
  });

  it('lets pods of a headless Service find each other by name, on ports of their own', async () => {
    const serve =
      "python3 -c 'import http.server as h; h.test(HandlerClass=h.SimpleHTTPRequestHandler, port=8000)'";
    const fetch =
      'until python3 -c "import urllib.request as u; u.urlopen(\'http://one.group:8000\')" 2>/dev/null; do sleep 0.1; done; hostname';
    const member = (hostname: string, script: string) => ({
      ...{ hostname, subdomain: 'group', containers: [container(script)] },
      terminationGracePeriodSeconds: 1,
    });
    await create('one', member('one', serve));
    await create('two', member('two', `${serve} & ${fetch}`));
    await untilEnd('two');
    expect(await logOf('two', '&tailLines=1')).toBe('two\n');
    await kube.call('DELETE', `${core}/pods/one`);
  });

  it('ends what takes more memory than its limit as OOMKilled', async (context) => {
    if (!node.limitsMemory) context.skip('nobody may limit memory on this machine');
    await create('greedy', {
      containers: [
        container('exec python3 -c "x = bytearray(300 << 20)"', {
          resources: { limits: { memory: '64Mi' } },
        }),
      ],
    });
    expect(endOf(await untilEnd('greedy'))).toMatchObject({ exitCode: 137, reason: 'OOMKilled' });
  });

  it('evicts a pod as a disruption', async () => {
    await create('evicted', { containers: [container('sleep 1000')] });
    await untilStatus('evicted', ({ phase }) => phase === 'Running');
    node.evict(NAMESPACE, 'evicted', 'The node was low on resource: memory.');
    const status = await untilEnd('evicted');
    expect(status).toMatchObject({ phase: 'Failed', reason: 'Evicted' });
    expect(status.conditions).toContainEqual(
      expect.objectContaining({ type: 'DisruptionTarget', status: 'True' }),
    );
  });
});
