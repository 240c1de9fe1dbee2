import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MissingReferenceError } from './container-environment.ts';
import { type ContainerGround, ContainerRun } from './container-run.ts';
import type { PodPlace } from './downward-fields.ts';
import type { Image, ImageTable } from './image-table.ts';
import type { NodeApi } from './node-api.ts';
import {
  type ContainerSpec,
  containersOf,
  isSidecar,
  type Pod,
  type RestartPolicy,
} from './pod.ts';
import type { PodNetwork } from './pod-network.ts';
import { PodSandbox } from './pod-sandbox.ts';
import { type ContainerProgress, type NodeVerdict, toPodStatus } from './pod-status.ts';
import { PodVolumes } from './pod-volumes.ts';
import { StatusWriter } from './status-writer.ts';
import { VolumeError } from './volume-files.ts';

/** What a node has for every pod. */
export interface PodGround {
  readonly api: NodeApi;
  readonly images: ImageTable;
  readonly network: PodNetwork;
  readonly folder: string;
  readonly helper: string;
  readonly place: Omit<PodPlace, 'podIp'>;
  readonly createMemoryGroup: ContainerGround['createMemoryGroup'];
  /** Called when a pod has got its address. */
  readonly onAddress: () => Promise<void>;
}

const RETRY_MS = 1_000;
const FIRST_BACK_OFF_MS = 10_000;
const LONGEST_BACK_OFF_MS = 300_000;
/** What a sidecar has at least, however long the others took. */
const LEAST_GRACE_MS = 2_000;

/** Runs one pod, from its binding to its end, and tells of it as a kubelet would. */
export class PodWorker {
  /** Settles when nothing of the pod is left, and the API server knows. */
  readonly done: Promise<void>;
  sandbox: PodSandbox | undefined;
  readonly #ground: PodGround;
  readonly #progress = new Map<string, ContainerProgress>();
  readonly #runs = new Map<string, ContainerRun[]>();
  readonly #startTime = new Date().toISOString();
  readonly #status: StatusWriter;
  readonly #stopping = new AbortController();
  readonly #givenUp = new AbortController();
  #pod: Pod;
  #verdict: NodeVerdict | undefined;
  #graceMs = 0;
  #isEnding = false;
  #hasEnded = false;

  constructor(pod: Pod, ground: PodGround) {
    this.#pod = pod;
    this.#ground = ground;
    const build = () => toPodStatus(this.#whole, new Date().toISOString());
    this.#status = new StatusWriter(ground.api, pod, build, this.#givenUp.signal);
    this.done = this.#run();
  }

  get pod(): Pod {
    return this.#pod;
  }

  /** Runs of a container, newest last. */
  runsOf(container: string): readonly ContainerRun[] {
    return this.#runs.get(container) ?? [];
  }

  /** Takes what the API server says of the pod now; a pod that is being deleted is stopped. */
  update(pod: Pod): void {
    const { deletionTimestamp, deletionGracePeriodSeconds = this.#graceSeconds } = pod.metadata;
    this.#pod = pod;
    if (deletionTimestamp === undefined) return;
    if (this.#hasEnded) void this.#remove();
    else this.stop(deletionGracePeriodSeconds);
  }

  /** Ends the pod: SIGTERM, and SIGKILL after the grace. `verdict` makes it a failed one. */
  stop(graceSeconds: number, verdict?: NodeVerdict): void {
    this.#verdict ??= verdict;
    this.#graceMs = graceSeconds * 1_000;
    this.#stopping.abort();
  }

  /** Tells nobody any more; what runs is ended at once. */
  abandon(): void {
    this.#givenUp.abort();
    this.stop(0);
  }

  get #graceSeconds(): number {
    return this.#pod.spec.terminationGracePeriodSeconds ?? 30;
  }

  get #whole() {
    return {
      pod: this.#pod,
      containers: this.#progress,
      startTime: this.#startTime,
      hostIp: this.#ground.place.hostIp,
      podIp: this.sandbox?.ip,
      isEnding: this.#isEnding,
      verdict: this.#verdict,
    };
  }

  async #run(): Promise<void> {
    const folder = join(this.#ground.folder, 'pods', this.#pod.metadata.uid);
    const deadline = this.#setDeadline();
    try {
      await mkdir(folder, { recursive: true });
      this.#announce();
      const ground = await this.#prepare(folder);
      if (ground !== undefined) await this.#runContainers(ground);
    } catch (error) {
      // A fault of the node's own, of which the pod's owner learns nothing else.
      const { message } = error as Error;
      this.stop(0, { reason: 'NodeFault', message, isDisruption: false });
    } finally {
      clearTimeout(deadline);
      await this.#end();
      await this.sandbox?.close();
      await rm(folder, { recursive: true, force: true });
    }
  }

  #setDeadline(): NodeJS.Timeout | undefined {
    const { activeDeadlineSeconds } = this.#pod.spec;
    if (activeDeadlineSeconds === undefined) return undefined;
    const end = () =>
      this.stop(this.#graceSeconds, {
        reason: 'DeadlineExceeded',
        message: 'Pod was active on the node longer than the specified deadline',
        isDisruption: false,
      });
    return setTimeout(end, activeDeadlineSeconds * 1_000);
  }

  #announce(): void {
    const hasInits = (this.#pod.spec.initContainers ?? []).length > 0;
    for (const { name } of containersOf(this.#pod)) {
      const reason = hasInits ? 'PodInitializing' : 'ContainerCreating';
      this.#progress.set(name, { state: { waiting: { reason } }, restartCount: 0 });
    }
    void this.#status.write();
  }

  /** Sandbox and volumes; undefined when the pod is stopped before they are there. */
  async #prepare(folder: string): Promise<ContainerGround | undefined> {
    const { api, network, helper, place, createMemoryGroup, onAddress } = this.#ground;
    const volumes = new PodVolumes(this.#pod, folder, join(this.#ground.folder, 'claims'));
    const memory = await volumes.create();
    const etc = join(folder, 'etc');
    this.sandbox = await PodSandbox.open(this.#pod, etc, memory, network, helper);
    const { sandbox } = this;
    await onAddress();
    const ownPlace = { ...place, podIp: sandbox.ip };
    const pod = this.#pod;
    const isReady = await this.#retry(VolumeError, 'FailedMount', async () =>
      volumes.fill(api, ownPlace),
    );
    if (!isReady) return undefined;
    return { pod, place: ownPlace, sandbox, volumes, folder, helper, api, createMemoryGroup };
  }

  /** Init containers one after the other, then all others; sidecars go on beside them. */
  async #runContainers(ground: ContainerGround): Promise<void> {
    const { initContainers = [], containers, restartPolicy = 'Always' } = this.#pod.spec;
    const sidecars: Promise<void>[] = [];
    for (const container of initContainers) {
      if (isSidecar(this.#pod, container)) {
        const started = Promise.withResolvers<void>();
        const life = this.#keep(container, 'Always', ground, started.resolve);
        sidecars.push(life);
        await Promise.race([started.promise, life]);
        continue;
      }
      await this.#keep(container, restartPolicy === 'Never' ? 'Never' : 'OnFailure', ground);
      if (!this.#hasSucceeded(container)) break;
    }
    const isInitialized = initContainers.every(
      (container) => isSidecar(this.#pod, container) || this.#hasSucceeded(container),
    );
    if (isInitialized && !this.#stopping.signal.aborted)
      await Promise.all(containers.map((each) => this.#keep(each, restartPolicy, ground)));
    // Sidecars go when the others have ended, and have what is left of the grace.
    if (!this.#stopping.signal.aborted) this.stop(this.#graceSeconds);
    for (const container of [...initContainers].reverse())
      if (isSidecar(this.#pod, container))
        await this.#endRun(container, Math.max(this.#graceMs, LEAST_GRACE_MS));
    await Promise.all(sidecars);
  }

  #hasSucceeded({ name }: ContainerSpec): boolean {
    const state = this.#progress.get(name)?.state;
    return state !== undefined && 'terminated' in state && state.terminated.exitCode === 0;
  }

  /** Runs a container until it is not to be started again. */
  async #keep(
    container: ContainerSpec,
    policy: RestartPolicy,
    ground: ContainerGround,
    onStart = () => {},
  ): Promise<void> {
    const { signal } = this.#stopping;
    for (let restarts = 0; ; restarts++) {
      const run = await this.#start(container, restarts, ground);
      if (run === undefined) return;
      onStart();
      const termination = await this.#untilEnd(container, run);
      this.#set(container, { state: { terminated: termination } });
      const isOver = policy === 'Never' || (policy === 'OnFailure' && termination.exitCode === 0);
      if (isOver || signal.aborted) return;
      const backOffMs = Math.min(FIRST_BACK_OFF_MS * 2 ** restarts, LONGEST_BACK_OFF_MS);
      const message = `back-off ${backOffMs / 1_000}s restarting failed container=${container.name}`;
      this.#set(container, {
        state: { waiting: { reason: 'CrashLoopBackOff', message } },
        lastState: { terminated: termination },
        restartCount: restarts + 1,
      });
      await this.#pause(backOffMs);
      if (signal.aborted) {
        this.#set(container, { state: { terminated: termination } });
        return;
      }
    }
  }

  /** Undefined when the pod is stopped before the container could be started. */
  async #start(
    container: ContainerSpec,
    restarts: number,
    ground: ContainerGround,
  ): Promise<ContainerRun | undefined> {
    const image = await this.#pull(container);
    if (image === undefined) return undefined;
    let run: ContainerRun | undefined;
    const wait = (message: string) =>
      this.#set(container, {
        state: { waiting: { reason: 'CreateContainerConfigError', message } },
      });
    await this.#retry(
      MissingReferenceError,
      'Failed',
      async () => {
        run = await ContainerRun.start(container, image, restarts, ground);
      },
      wait,
    );
    if (run === undefined) return undefined;
    this.#runs.set(container.name, [...this.runsOf(container.name), run]);
    this.#set(container, { state: { running: { startedAt: run.startedAt } } });
    return run;
  }

  /** The image's entry, or undefined when the pod is stopped while it waits for one that there is not. */
  async #pull(container: ContainerSpec): Promise<Image | undefined> {
    const { image: name, imagePullPolicy } = container;
    const { images } = this.#ground;
    const image = Object.hasOwn(images, name) ? images[name] : undefined;
    if (image !== undefined) return this.#stopping.signal.aborted ? undefined : image;
    const wait = (reason: string, message: string) =>
      this.#set(container, { state: { waiting: { reason, message } } });
    if (imagePullPolicy === 'Never') {
      wait(
        'ErrImageNeverPull',
        `Container image "${name}" is not present with pull policy of Never`,
      );
    } else {
      const failure = `failed to pull and unpack image "${name}": ${name}: not found`;
      wait('ErrImagePull', `rpc error: code = NotFound desc = ${failure}`);
      this.#tell('Warning', 'Failed', `Failed to pull image "${name}": ${failure}`);
      this.#tell('Warning', 'Failed', 'Error: ErrImagePull');
      await this.#pause(RETRY_MS);
      wait('ImagePullBackOff', `Back-off pulling image "${name}"`);
      this.#tell('Normal', 'BackOff', `Back-off pulling image "${name}"`);
    }
    await this.#untilStopped();
    return undefined;
  }

  /** Ends it when the pod is stopped: with its grace, sidecars only after all others. */
  async #untilEnd(container: ContainerSpec, run: ContainerRun) {
    if (isSidecar(this.#pod, container)) return run.ended;
    const isOver = run.ended.then(() => true);
    if (await Promise.race([isOver, this.#untilStopped().then(() => false)])) return run.ended;
    await this.#endRun(container, this.#graceMs);
    return run.ended;
  }

  async #endRun({ name }: ContainerSpec, graceMs: number): Promise<void> {
    const run = this.runsOf(name).at(-1);
    if (run === undefined) return;
    const over = new AbortController();
    const ended = run.ended.then(() => over.abort());
    if (graceMs > 0) {
      await run.kill('SIGTERM');
      await sleep(graceMs, undefined, { signal: over.signal }).catch(() => {});
    }
    if (!over.signal.aborted) await run.kill('SIGKILL');
    await ended;
  }

  /** Tries again while `work` fails for want of something; whether it came to its end. */
  async #retry(
    kind: new () => Error,
    reason: string,
    work: () => Promise<void>,
    onFailure: (message: string) => void = () => {},
  ): Promise<boolean> {
    const told = new Set<string>();
    while (!this.#stopping.signal.aborted) {
      try {
        await work();
        return true;
      } catch (error) {
        const { message } = error as Error;
        if (error instanceof kind) {
          onFailure(message);
          if (!told.has(message)) this.#tell('Warning', reason, message);
          told.add(message);
        }
        // Anything else is the API server's absence, or a fault of the node that its next try repeats.
      }
      await this.#pause(RETRY_MS);
    }
    return false;
  }

  #set({ name }: ContainerSpec, change: Partial<ContainerProgress>): void {
    const before = this.#progress.get(name) ?? {
      state: { waiting: { reason: 'PodInitializing' } },
      restartCount: 0,
    };
    this.#progress.set(name, { ...before, ...change });
    void this.#status.write();
  }

  #tell(type: 'Normal' | 'Warning', reason: string, message: string): void {
    // An event is for people; one that is lost is missed by nothing.
    this.#ground.api.tell(this.#pod, { type, reason, message }).catch(() => {});
  }

  /** The last status; a pod that was deleted is then let go. */
  async #end(): Promise<void> {
    this.#isEnding = true;
    for (const { name } of containersOf(this.#pod)) {
      const state = this.#progress.get(name)?.state;
      if (state !== undefined && 'terminated' in state) continue;
      this.#progress.delete(name);
    }
    if (this.#givenUp.signal.aborted) return;
    await this.#status.write();
    this.#hasEnded = true;
    if (this.#pod.metadata.deletionTimestamp !== undefined) await this.#remove();
  }

  async #remove(): Promise<void> {
    while (!this.#givenUp.signal.aborted) {
      try {
        await this.#ground.api.removePod(this.#pod);
        return;
      } catch {
        await sleep(RETRY_MS, undefined, { signal: this.#givenUp.signal }).catch(() => {});
      }
    }
  }

  async #pause(durationMs: number): Promise<void> {
    await sleep(durationMs, undefined, { signal: this.#stopping.signal }).catch(() => {});
  }

  #untilStopped(): Promise<void> {
    const { signal } = this.#stopping;
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }
}
