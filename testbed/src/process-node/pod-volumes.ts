import { chmod, chown, mkdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { PodPlace } from './downward-fields.ts';
import type { NodeApi } from './node-api.ts';
import type { ContainerSpec, Pod, Volume, VolumeMount } from './pod.ts';
import { parseQuantity } from './quantity.ts';
import { expandVariables } from './variable-expansion.ts';
import { readVolumeFiles, VolumeError } from './volume-files.ts';

/** A volume in memory, to be mounted at a folder. */
export interface MemoryVolume {
  readonly folder: string;
  readonly sizeBytes: number | undefined;
}

export interface Mount {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

/** The folders that are a pod's volumes. */
export class PodVolumes {
  readonly #pod: Pod;
  readonly #folder: string;
  readonly #claims: string;

  /** `folder` is the pod's own; `claims` has a folder for each claim, which outlives the pod. */
  constructor(pod: Pod, folder: string, claims: string) {
    this.#pod = pod;
    this.#folder = folder;
    this.#claims = claims;
  }

  /** Makes all folders; those in memory are still to be mounted. */
  async create(): Promise<MemoryVolume[]> {
    const memory: MemoryVolume[] = [];
    for (const volume of this.#pod.spec.volumes ?? []) {
      const folder = this.#folderOf(volume);
      await mkdir(folder, { recursive: true });
      const { emptyDir, persistentVolumeClaim } = volume;
      if (emptyDir !== undefined || persistentVolumeClaim !== undefined)
        await this.#openToAll(folder);
      if (emptyDir?.medium === 'Memory') {
        const { sizeLimit } = emptyDir;
        memory.push({ folder, sizeBytes: sizeLimit ? parseQuantity(sizeLimit) : undefined });
      }
    }
    return memory;
  }

  /**
   * Writes what comes from the API.
   * @throws VolumeError while something of it is absent, or for a kind of volume that no node of ours has.
   */
  async fill(api: Pick<NodeApi, 'readKeys' | 'createToken'>, place: PodPlace): Promise<void> {
    for (const volume of this.#pod.spec.volumes ?? []) {
      const { emptyDir, persistentVolumeClaim } = volume;
      if (emptyDir !== undefined || persistentVolumeClaim !== undefined) continue;
      const files = await readVolumeFiles(api, this.#pod, volume, place).catch((error: Error) => {
        throw new VolumeError(
          `MountVolume.SetUp failed for volume "${volume.name}" : ${error.message}`,
        );
      });
      if (files === undefined)
        throw new VolumeError(`volume "${volume.name}" is of a kind that this node does not have`);
      const { fsGroup } = this.#pod.spec.securityContext ?? {};
      for (const { path, content, mode } of files) {
        const file = join(this.#folderOf(volume), path);
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, content);
        // A group that the pod names may read what its user may.
        await chmod(file, fsGroup === undefined ? mode : mode | 0o440);
        await chown(file, 0, fsGroup ?? 0);
      }
    }
  }

  /** What a container mounts where; `variables` are those of `subPathExpr`. */
  async mountsOf(
    container: ContainerSpec,
    variables: Readonly<Record<string, string>>,
  ): Promise<Mount[]> {
    const mounts = (container.volumeMounts ?? []).map((mount) => this.#toMount(mount, variables));
    return Promise.all(mounts);
  }

  async #toMount(
    { name, mountPath, subPath, subPathExpr, readOnly = false }: VolumeMount,
    variables: Readonly<Record<string, string>>,
  ): Promise<Mount> {
    const volume = this.#pod.spec.volumes?.find((candidate) => candidate.name === name);
    if (volume === undefined) throw new Error(`there is no volume ${name}`);
    const { emptyDir, persistentVolumeClaim } = volume;
    const isFromApi = emptyDir === undefined && persistentVolumeClaim === undefined;
    const below = subPath ?? (subPathExpr && expandVariables(subPathExpr, variables)) ?? '';
    const source = join(this.#folderOf(volume), below);
    const isThere = await stat(source).then(
      () => true,
      () => false,
    );
    if (!isThere) {
      await mkdir(source, { recursive: true });
      await this.#openToAll(source);
    }
    return {
      source,
      target: mountPath,
      readOnly: readOnly || isFromApi || persistentVolumeClaim?.readOnly === true,
    };
  }

  #folderOf({ name, persistentVolumeClaim }: Volume): string {
    if (persistentVolumeClaim === undefined) return join(this.#folder, 'volumes', name);
    const { namespace } = this.#pod.metadata;
    return join(this.#claims, namespace, persistentVolumeClaim.claimName);
  }

  async #openToAll(folder: string): Promise<void> {
    const { fsGroup } = this.#pod.spec.securityContext ?? {};
    if (fsGroup !== undefined) await chown(folder, 0, fsGroup);
    await chmod(folder, fsGroup === undefined ? 0o777 : 0o2777);
  }
}
