import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Binaries, buildAll, type Log } from './build.ts';
import { makeCerts, writeKubeconfigs } from './certs.ts';
import { Component } from './component.ts';
import { componentSpecs, type Ports, type Setting } from './components.ts';
import { install, installControllers, installWorkload } from './install.ts';
import { connect, type Kube } from './kube.ts';
import { type Lock, lockNote, tryLock } from './lock.ts';
import { freePorts } from './ports.ts';
import { Queue } from './queue.ts';
import { writeSettings } from './settings.ts';

export interface TestbedOptions {
  /** Kept at the end, and started from again; without it a new folder is made and removed at the end. */
  dir?: string;
  log?: Log;
}

const portNames = [
  'etcd',
  'etcdPeer',
  'etcdHealth',
  'apiserver',
  'controllerManager',
  'scheduler',
  'trainerWebhook',
  'trainerHealth',
  'jobsetWebhook',
  'jobsetHealth',
  'kwok',
  'kueueWebhook',
  'kueueHealth',
  'kueueVisibility',
] as const satisfies readonly (keyof Ports)[];

export class Testbed {
  readonly dir: string;
  readonly kubeconfigPath: string;
  readonly versions: Record<string, string>;
  /** An administrator's client. */
  readonly kube: Kube;
  /** Kueue's queue `training`. */
  readonly queue: Queue;
  /** Settles with a description once a component has ended without having been told to. */
  readonly died: Promise<string>;
  readonly #components: Map<string, Component>;
  readonly #release: () => Promise<void>;

  constructor(
    setting: Setting,
    components: Map<string, Component>,
    kube: Kube,
    release: () => Promise<void>,
  ) {
    this.dir = setting.dir;
    this.kubeconfigPath = join(setting.dir, 'kubeconfig');
    this.versions = versionsOf(setting.binaries);
    this.kube = kube;
    this.queue = new Queue(kube);
    this.#components = components;
    this.#release = release;
    this.died = new Promise((resolve) => {
      for (const component of components.values()) component.onDeath = resolve;
    });
  }

  component(name: string): Component {
    return findComponent(this.#components, name);
  }

  async close(): Promise<void> {
    this.kube.close();
    await stopAll(this.#components);
    await this.#release();
  }
}

export async function startTestbed({ dir, log = () => {} }: TestbedOptions = {}): Promise<Testbed> {
  const binaries = await buildAll(log);
  const folder = await prepareFolder(dir);
  const lock = await claim(folder);
  const components = new Map<string, Component>();
  const release = async () => {
    lock.release();
    if (!dir) await rm(folder, { recursive: true, force: true });
  };
  try {
    const setting = await prepare(folder, binaries);
    for (const spec of componentSpecs(setting)) {
      const file = join(folder, 'logs', `${spec.name}.log`);
      components.set(spec.name, new Component(spec, setting.binaries.helper?.path ?? '', file));
    }
    const kube = await connect(join(folder, 'kubeconfig'));
    await startAll(setting, components, kube);
    return new Testbed(setting, components, kube, release);
  } catch (error) {
    await stopAll(components);
    await release();
    throw error;
  }
}

async function prepareFolder(dir: string | undefined): Promise<string> {
  if (!dir) return mkdtemp(join(tmpdir(), 'trainer-testbed-'));
  await mkdir(dir, { recursive: true });
  return realpath(dir);
}

async function claim(folder: string): Promise<Lock> {
  const lock = await tryLock(
    folder,
    `process ${process.pid}, kubeconfig ${join(folder, 'kubeconfig')}`,
  );
  if (lock) return lock;
  throw new Error(`A test bed already runs in ${folder}: ${await lockNote(folder)}`);
}

async function prepare(dir: string, binaries: Binaries): Promise<Setting> {
  await Promise.all(['logs', 'tmp'].map((name) => mkdir(join(dir, name), { recursive: true })));
  const certs = await makeCerts(binaries.helper?.path ?? '', join(dir, 'certs'));
  const numbers = await freePorts(portNames.length);
  const ports = Object.fromEntries(
    portNames.map((name, index) => [name, numbers[index]]),
  ) as unknown as Ports;
  await writeKubeconfigs(certs, dir, `https://127.0.0.1:${ports.apiserver}`);
  const setting = { dir, binaries, certs, ports };
  await writeSettings(setting);
  return setting;
}

async function startAll(
  setting: Setting,
  components: Map<string, Component>,
  kube: Kube,
): Promise<void> {
  const start = (name: string) => findComponent(components, name).start();
  await start('etcd');
  await start('kube-apiserver');
  await Promise.all([start('kube-scheduler'), install(kube, setting)]);
  // The garbage collector looks for new kinds every 30 s only: it must find the CRDs when it starts.
  const controllers = ['kube-controller-manager', 'jobset', 'trainer', 'kwok', 'kueue'];
  await Promise.all([...controllers.map(start), installControllers(kube, setting)]);
  await installWorkload(kube);
}

function findComponent(components: Map<string, Component>, name: string): Component {
  const found = components.get(name);
  if (!found)
    throw new Error(`the test bed has no ${name}, only ${[...components.keys()].join(', ')}`);
  return found;
}

/** Clients before their servers, so that nothing waits for an answer that will not come. */
async function stopAll(components: Map<string, Component>): Promise<void> {
  const stop = (names: string[]) => Promise.all(names.map((name) => components.get(name)?.stop()));
  await stop(['kueue', 'kwok', 'trainer', 'jobset', 'kube-scheduler', 'kube-controller-manager']);
  await stop(['kube-apiserver']);
  await stop(['etcd']);
}

function versionsOf(binaries: Binaries): Record<string, string> {
  const upstream = Object.assign({}, ...Object.values(binaries).map((binary) => binary.versions));
  return { node: process.version, ...upstream };
}
