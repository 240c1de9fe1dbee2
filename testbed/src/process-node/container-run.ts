import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expandWords, resolveEnvironment } from './container-environment.ts';
import { ContainerLog } from './container-log.ts';
import { ContainerProcess } from './container-process.ts';
import type { PodPlace } from './downward-fields.ts';
import { type Image, toCommandLine } from './image-table.ts';
import type { MemoryGroup } from './memory-groups.ts';
import type { NodeApi } from './node-api.ts';
import type { ContainerSpec, Pod } from './pod.ts';
import type { PodSandbox } from './pod-sandbox.ts';
import type { Termination } from './pod-status.ts';
import type { PodVolumes } from './pod-volumes.ts';
import { parseQuantity } from './quantity.ts';

/** What all containers of a pod are started with. */
export interface ContainerGround {
  readonly pod: Pod;
  readonly place: PodPlace;
  readonly sandbox: PodSandbox;
  readonly volumes: PodVolumes;
  /** Of the pod; each run gets one below it. */
  readonly folder: string;
  readonly helper: string;
  readonly api: NodeApi;
  /** Undefined where this machine lets nobody limit memory. */
  readonly createMemoryGroup: ((limitBytes: number) => Promise<MemoryGroup>) | undefined;
}

/** Limits of a termination message, as the Pod documentation has them. */
const MESSAGE_BYTES = 4096;
const LOG_TAIL_LINES = 80;
const LOG_TAIL_BYTES = 2048;

/** One run of one container, from its start to its end. */
export class ContainerRun {
  readonly log: ContainerLog;
  readonly startedAt: string;
  /** Settles when all its processes are gone. */
  readonly ended: Promise<Termination>;
  readonly #process: ContainerProcess;

  private constructor(
    process: ContainerProcess,
    log: ContainerLog,
    toTermination: (run: ContainerRun) => Promise<Termination>,
  ) {
    this.log = log;
    this.startedAt = new Date().toISOString();
    this.#process = process;
    this.ended = toTermination(this);
  }

  /**
   * @throws MissingReferenceError while its variables refer to what is not there.
   */
  static async start(
    container: ContainerSpec,
    image: Image,
    restarts: number,
    ground: ContainerGround,
  ): Promise<ContainerRun> {
    const { pod, place, sandbox, volumes, helper, api } = ground;
    const variables = await resolveEnvironment(api, pod, container, place, image.env);
    const folder = join(ground.folder, 'containers', `${container.name}-${restarts}`);
    const root = join(folder, 'root');
    await mkdir(root, { recursive: true });
    const messageFile = join(folder, 'termination-log');
    await writeFile(messageFile, '');
    await chmod(messageFile, 0o666);
    const memory = container.resources?.limits?.memory;
    const group = memory && (await ground.createMemoryGroup?.(parseQuantity(memory)));
    const security = { ...pod.spec.securityContext, ...container.securityContext };
    const { fsGroup, supplementalGroups = [] } = pod.spec.securityContext ?? {};
    const log = new ContainerLog();
    const process = await ContainerProcess.start(
      helper,
      sandbox.pid,
      folder,
      {
        root,
        mounts: [
          ...Object.entries(image.content).map(([target, source]) => ({
            source,
            target,
            readOnly: true,
          })),
          ...sandbox.mounts,
          ...(await volumes.mountsOf(container, variables)).sort(byDepth),
          { source: messageFile, target: messagePathOf(container), readOnly: false },
        ],
        traversable: image.traversable ?? [],
        cgroups: group ? [group.procs] : [],
        uid: security.runAsUser ?? image.user.uid,
        gid: security.runAsGroup ?? image.user.gid,
        groups: fsGroup === undefined ? supplementalGroups : [fsGroup, ...supplementalGroups],
        workingDir: container.workingDir || image.workingDir,
        args: toCommandLine(image, {
          command: expandWords(container.command, variables),
          args: expandWords(container.args, variables),
        }),
        env: Object.entries({ ...SYSTEM_VARIABLES, HOSTNAME: hostname(pod), ...variables }).map(
          ([name, value]) => `${name}=${value}`,
        ),
      },
      log,
    );
    return new ContainerRun(process, log, async (run) => {
      const { exitCode, startError } = await process.ended;
      const kills = group ? await group.countKills() : 0;
      if (group) await group.remove();
      const message = startError ?? (await readMessage(container, messageFile, exitCode, run.log));
      const reason = startError === undefined ? reasonOf(exitCode, kills) : 'StartError';
      return {
        exitCode,
        reason,
        ...(message !== '' && { message }),
        startedAt: run.startedAt,
        finishedAt: new Date().toISOString(),
      };
    });
  }

  kill(signal: NodeJS.Signals): Promise<void> {
    return this.#process.kill(signal);
  }

  killAll(signal: NodeJS.Signals): Promise<void> {
    return this.#process.killAll(signal);
  }
}

const SYSTEM_VARIABLES = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/',
};

/** What is mounted below another mount comes after it. */
function byDepth(one: { target: string }, other: { target: string }): number {
  return one.target.split('/').length - other.target.split('/').length;
}

function hostname({ metadata, spec }: Pod): string {
  return spec.hostname ?? metadata.name;
}

function reasonOf(exitCode: number, kills: number): string {
  if (exitCode === 0) return 'Completed';
  return kills > 0 ? 'OOMKilled' : 'Error';
}

function messagePathOf({ terminationMessagePath }: ContainerSpec): string {
  return terminationMessagePath || '/dev/termination-log';
}

/** Of a container that wrote none and failed, the end of its log, where its policy says so. */
async function readMessage(
  { terminationMessagePolicy }: ContainerSpec,
  file: string,
  exitCode: number,
  log: ContainerLog,
): Promise<string> {
  const written = (await readFile(file)).subarray(0, MESSAGE_BYTES).toString();
  const isFromLog = terminationMessagePolicy === 'FallbackToLogsOnError' && exitCode !== 0;
  if (written !== '' || !isFromLog) return written;
  return log.tail(LOG_TAIL_LINES, LOG_TAIL_BYTES);
}
