import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildHelper } from '../build.ts';
import { kubeconfigOf } from '../certs.ts';
import { connect, type Kube } from '../kube.ts';
import type { ContainerRun } from './container-run.ts';
import type { ImageTable } from './image-table.ts';
import { KubeNodeApi } from './kube-node-api.ts';
import { LogsServer } from './logs-server.ts';
import { findMemoryGroups } from './memory-groups.ts';
import { keepLease, registerNode } from './node-object.ts';
import type { Pod } from './pod.ts';
import { PodNetwork } from './pod-network.ts';
import { watchPods } from './pod-watch.ts';
import { type PodGround, PodWorker } from './pod-worker.ts';

/** Names of the nodes that a test bed has certificates for. */
export const PROCESS_NODES = ['process-0', 'process-1'] as const;

export interface ProcessNodeOptions {
  /** Folder of the test bed, in which the node's kubeconfig and certificates are. */
  readonly bedDir: string;
  readonly name?: (typeof PROCESS_NODES)[number];
  readonly images: ImageTable;
  /** Beyond processors, memory and pods, such as `{ 'nvidia.com/gpu': '8' }` that nobody has. */
  readonly room?: Readonly<Record<string, string>>;
}

const ROOM = { cpu: '512', memory: '4Ti', pods: '110', 'ephemeral-storage': '10Ti' };

/** A node that runs the pods which are bound to it, as processes of this machine. Needs root. */
export class ProcessNode {
  readonly name: string;
  /** Where this machine is, as pods see it. */
  readonly hostIp: string;
  /** Whether containers are held to their memory limit. */
  readonly limitsMemory: boolean;
  readonly #kube: Kube;
  readonly #ground: Omit<PodGround, 'onAddress'>;
  readonly #workers = new Map<string, PodWorker>();
  readonly #logs: LogsServer;
  readonly #closing = new AbortController();
  #loops: readonly Promise<void>[] = [];

  private constructor(
    name: string,
    kube: Kube,
    ground: Omit<PodGround, 'onAddress'>,
    certificates: { cert: Buffer; key: Buffer; ca: Buffer },
  ) {
    this.name = name;
    this.#kube = kube;
    this.#ground = ground;
    this.hostIp = ground.network.hostIp;
    this.limitsMemory = ground.createMemoryGroup !== undefined;
    this.#logs = new LogsServer(certificates, (namespace, pod, container, isPrevious) => {
      const runs = this.#find(namespace, pod)?.runsOf(container) ?? [];
      return runs.at(isPrevious ? -2 : -1)?.log;
    });
  }

  static async start(options: ProcessNodeOptions): Promise<ProcessNode> {
    const { bedDir, name = PROCESS_NODES[0], images } = options;
    const helper = (await buildHelper()).path;
    const kube = await connect(kubeconfigOf(bedDir, name));
    const network = await PodNetwork.open(helper);
    const room = { ...ROOM, ...options.room };
    const certificate = (file: string) => readFile(join(bedDir, 'certs', file));
    const [cert, key, ca] = await Promise.all(
      ['serving.crt', 'serving.key', 'ca.crt'].map(certificate),
    );
    if (!cert || !key || !ca) throw new Error('the test bed has no certificates');
    const ground = {
      api: new KubeNodeApi(kube, name),
      images,
      network,
      helper,
      folder: await mkdtemp(join(tmpdir(), `${name}-`)),
      place: { hostIp: network.hostIp, nodeName: name, allocatable: room },
      createMemoryGroup: await findMemoryGroups(),
    };
    const node = new ProcessNode(name, kube, ground, { cert, key, ca });
    await node.#open(room);
    return node;
  }

  /** Ends a pod as a kubelet does whose machine runs short of something. */
  evict(namespace: string, name: string, message: string): void {
    this.#require(namespace, name).stop(0, { reason: 'Evicted', message, isDisruption: true });
  }

  /** Sends a signal to the first process of a container, behind everybody's back. */
  async kill(
    namespace: string,
    name: string,
    container: string,
    signal: NodeJS.Signals,
  ): Promise<void> {
    await this.#requireRun(namespace, name, container).kill(signal);
  }

  /** Stops every process of a container where it is; it is running, to all who ask the API server. */
  async pause(namespace: string, name: string, container: string): Promise<void> {
    await this.#requireRun(namespace, name, container).killAll('SIGSTOP');
  }

  /** Ends a `pause`. */
  async unpause(namespace: string, name: string, container: string): Promise<void> {
    await this.#requireRun(namespace, name, container).killAll('SIGCONT');
  }

  #requireRun(namespace: string, name: string, container: string): ContainerRun {
    const run = this.#require(namespace, name).runsOf(container).at(-1);
    if (run === undefined) throw new Error(`${container} of ${name} does not run`);
    return run;
  }

  /** Ends like a machine that loses its power: nothing is told, and the Node stays. */
  async close(): Promise<void> {
    this.#closing.abort();
    const workers = [...this.#workers.values()];
    for (const worker of workers) worker.abandon();
    await Promise.all([...this.#loops, ...workers.map(({ done }) => done)]);
    await this.#logs.close();
    await this.#ground.network.close();
    this.#kube.close();
    await rm(this.#ground.folder, { recursive: true, force: true });
  }

  async #open(room: Readonly<Record<string, string>>): Promise<void> {
    const { signal } = this.#closing;
    await registerNode(this.#kube, { name: this.name, room, logsPort: await this.#logs.listen() });
    const listener = {
      onPod: (pod: Pod) => this.#onPod(pod),
      onGone: (uid: string) => this.#onGone(uid),
    };
    this.#loops = [
      keepLease(this.#kube, this.name, signal),
      watchPods(this.#kube, this.name, listener, signal),
    ];
  }

  #onPod(pod: Pod): void {
    const { uid } = pod.metadata;
    const known = this.#workers.get(uid);
    const onAddress = () => this.#writeHosts();
    const worker = known ?? new PodWorker(pod, { ...this.#ground, onAddress });
    this.#workers.set(uid, worker);
    worker.update(pod);
  }

  #onGone(uid: string): void {
    const worker = this.#workers.get(uid);
    if (worker === undefined) return;
    this.#workers.delete(uid);
    worker.abandon();
  }

  /** Every pod may look for the one that has just got an address. */
  async #writeHosts(): Promise<void> {
    const sandboxes = [...this.#workers.values()].flatMap(({ sandbox }) => sandbox ?? []);
    const addresses = sandboxes.filter(({ isOpen }) => isOpen).map(({ address }) => address);
    await Promise.all(sandboxes.map((sandbox) => sandbox.writeHosts(addresses)));
  }

  #find(namespace: string, name: string): PodWorker | undefined {
    return [...this.#workers.values()].find(
      ({ pod: { metadata } }) => metadata.namespace === namespace && metadata.name === name,
    );
  }

  #require(namespace: string, name: string): PodWorker {
    const worker = this.#find(namespace, name);
    if (worker === undefined) throw new Error(`this node has no pod ${namespace}/${name}`);
    return worker;
  }
}
