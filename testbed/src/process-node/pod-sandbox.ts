import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildHostsFile, hostnameOf, type PodAddress } from './hosts-file.ts';
import { Namespaces } from './namespaces.ts';
import type { Pod } from './pod.ts';
import type { PodNetwork } from './pod-network.ts';
import type { MemoryVolume, Mount } from './pod-volumes.ts';

const SCRIPT = `
mount --make-rprivate /
printf %s "$1" > /proc/sys/kernel/hostname
shift
while [ $# -gt 0 ]; do
  mount -t tmpfs -o "mode=1777$2" volume "$1"
  shift 2
done`;

/** What the containers of a pod share: network, host name, volumes in memory, and a few files of /etc. */
export class PodSandbox {
  readonly ip: string;
  readonly #pod: Pod;
  readonly #folder: string;
  readonly #namespaces: Namespaces;
  readonly #network: PodNetwork;
  #isOpen = true;

  private constructor(
    pod: Pod,
    folder: string,
    namespaces: Namespaces,
    network: PodNetwork,
    ip: string,
  ) {
    this.#pod = pod;
    this.#folder = folder;
    this.#namespaces = namespaces;
    this.#network = network;
    this.ip = ip;
  }

  static async open(
    pod: Pod,
    folder: string,
    volumes: readonly MemoryVolume[],
    network: PodNetwork,
    helper: string,
  ): Promise<PodSandbox> {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'hostname'), `${hostnameOf(pod)}\n`);
    // Nobody answers for names that no file has; asking a server would only take its time.
    await writeFile(join(folder, 'resolv.conf'), '# see /etc/hosts\n');
    const sizes = volumes.flatMap(({ folder: target, sizeBytes }) => [
      target,
      sizeBytes === undefined ? '' : `,size=${Math.floor(sizeBytes)}`,
    ]);
    const namespaces = await Namespaces.open(
      helper,
      ['net', 'mount', 'ipc', 'uts'],
      SCRIPT,
      hostnameOf(pod),
      ...sizes,
    );
    try {
      const ip = await network.connect(namespaces);
      return new PodSandbox(pod, folder, namespaces, network, ip);
    } catch (error) {
      await namespaces.close();
      throw error;
    }
  }

  /** Process id by which containers enter. */
  get pid(): number {
    return this.#namespaces.pid;
  }

  /** Whether anybody can still be reached here. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  get address(): PodAddress {
    return { pod: this.#pod, ip: this.ip };
  }

  get mounts(): readonly Mount[] {
    return ['hosts', 'hostname', 'resolv.conf'].map((name) => ({
      source: join(this.#folder, name),
      target: `/etc/${name}`,
      readOnly: false,
    }));
  }

  /** Writes the file anew in its place, so that containers that run see it, too. */
  async writeHosts(all: readonly PodAddress[]): Promise<void> {
    if (!this.#isOpen) return;
    const text = buildHostsFile(this.address, all);
    await writeFile(join(this.#folder, 'hosts'), text).catch((error: Error) => {
      // It may be closed meanwhile.
      if (this.#isOpen) throw error;
    });
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    await this.#namespaces.close();
    this.#network.release(this.ip);
    await rm(this.#folder, { recursive: true, force: true });
  }
}
