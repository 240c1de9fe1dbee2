import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Image, type Kube, type KubeObject, PROCESS_NODES, RUNS_PODS } from '@trainer/testbed';
import { toEnvironmentContent } from './runtime-image.ts';

const run = promisify(execFile);
const TRAINER = fileURLToPath(new URL('../../testbed/go/trainer', import.meta.url));
/** As Trainer's webhook wants the volume of initializers to be called. */
const CLAIM = 'initializer';
const STEPS = ['dataset', 'model'] as const;
const imageOf = (step: string) => `ghcr.io/kubeflow/trainer/${step}-initializer`;

/**
 * What stands for the images of Kubeflow's initializers: their own code, as it comes with the Trainer
 * of the test bed, and the clients of storages and hubs that it is locked to.
 */
export async function createInitializerImages(python: string): Promise<Record<string, Image>> {
  const module = await run(
    'go',
    ['list', '-m', '-f', '{{.Dir}}', 'github.com/kubeflow/trainer/v2'],
    {
      cwd: TRAINER,
    },
  );
  const source = module.stdout.trim();
  const environment = await makeEnvironment(python, await readRequirements(source));
  const { content, traversable } = toEnvironmentContent(environment, '/app/.venv');
  return Object.fromEntries(
    STEPS.map((step) => [
      imageOf(step),
      {
        content: { ...content, '/app/pkg': join(source, 'pkg') },
        traversable,
        entrypoint: ['/app/.venv/bin/python', '-m', `pkg.initializers.${step}`],
        env: { PATH: '/app/.venv/bin:/usr/bin:/bin', PYTHONDONTWRITEBYTECODE: '1' },
        workingDir: '/app',
        user: { uid: 0, gid: 0 },
      },
    ]),
  );
}

/** A runtime that has Kubeflow's initializers fetch what the training of another one reads. */
export function withInitializers(runtime: KubeObject, name: string): KubeObject {
  const changed = structuredClone(runtime);
  changed.metadata.name = name;
  const { replicatedJobs } = changed.spec.template.spec;
  const volumes = [{ name: CLAIM, persistentVolumeClaim: { claimName: CLAIM } }];
  const volumeMounts = [{ name: CLAIM, mountPath: '/workspace' }];
  const [node] = replicatedJobs;
  const pod = node.template.spec.template.spec;
  pod.volumes.push(...volumes);
  pod.containers[0].volumeMounts.push(...volumeMounts);
  node.dependsOn = STEPS.map((step) => ({ name: `${step}-initializer`, status: 'Complete' }));
  const initializers = STEPS.map((step) => ({
    name: `${step}-initializer`,
    template: {
      metadata: {
        labels: { 'trainer.kubeflow.org/trainjob-ancestor-step': `${step}-initializer` },
      },
      spec: {
        template: {
          spec: {
            restartPolicy: 'Never',
            nodeSelector: { 'kubernetes.io/hostname': PROCESS_NODES[0] },
            tolerations: [{ key: RUNS_PODS, operator: 'Exists' }],
            volumes,
            containers: [{ name: `${step}-initializer`, image: imageOf(step), volumeMounts }],
          },
        },
      },
    },
  }));
  changed.spec.template.spec.replicatedJobs = [...initializers, node];
  return changed;
}

/** A volume and its claim, for such a runtime; nothing provides volumes on a test bed. */
export async function claimWorkspace(kube: Kube, namespace: string): Promise<void> {
  const spec = {
    ...{ accessModes: ['ReadWriteMany'], storageClassName: '', volumeMode: 'Filesystem' },
  };
  const volumeName = `${CLAIM}-${namespace}`;
  await kube.apply({
    ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: volumeName } },
    spec: { ...spec, capacity: { storage: '1Gi' }, hostPath: { path: '/nowhere' } },
  });
  await kube.apply({
    ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: CLAIM, namespace } },
    spec: { ...spec, volumeName, resources: { requests: { storage: '1Gi' } } },
  });
}

/** As pip takes them, in the versions of the initializers' lock file. */
async function readRequirements(source: string): Promise<readonly string[]> {
  const lock = await readFile(join(source, 'cmd/initializers/model/uv.lock'), 'utf8');
  return ['opendal', 'huggingface-hub'].map((name) => {
    const version = new RegExp(`name = "${name}"\\nversion = "([\\d.]+)"`).exec(lock)?.[1];
    if (version === undefined) throw new Error(`the initializers are locked to no ${name}`);
    return `${name}==${version}`;
  });
}

/** Once, below the user's cache folder. */
async function makeEnvironment(python: string, requirements: readonly string[]): Promise<string> {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const folder = join(cache, 'trainer-runtime', `initializers-${requirements.join('-')}`);
  const ready = join(folder, 'ready');
  if (existsSync(ready)) return folder;
  await rm(folder, { recursive: true, force: true });
  await run(python, ['-m', 'venv', folder]);
  await run(join(folder, 'bin/pip'), ['install', '--quiet', ...requirements]);
  // Written last, so that what was interrupted is made again.
  await writeFile(ready, '');
  return folder;
}
