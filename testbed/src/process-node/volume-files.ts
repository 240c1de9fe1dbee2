import { type PodPlace, readField, readResource } from './downward-fields.ts';
import type { NodeApi } from './node-api.ts';
import type { DownwardFile, KeyToPath, Pod, ProjectedSource, Volume } from './pod.ts';

/** A file of a volume that is filled from the API. */
export interface VolumeFile {
  readonly path: string;
  readonly content: Buffer;
  readonly mode: number;
}

/** A volume cannot be set up yet, or not at all. The message is a kubelet's. */
export class VolumeError extends Error {}

const DEFAULT_MODE = 0o644;

/**
 * The files of a secret, configMap, downwardAPI or projected volume; undefined for a volume of
 * another kind.
 * @throws VolumeError while an object or a key is absent that is not optional.
 */
export async function readVolumeFiles(
  api: Pick<NodeApi, 'readKeys' | 'createToken'>,
  pod: Pod,
  volume: Volume,
  place: PodPlace,
): Promise<VolumeFile[] | undefined> {
  const { secret, configMap, downwardAPI, projected } = volume;
  const sources = toSources(volume);
  if (sources === undefined) return undefined;
  const { defaultMode = DEFAULT_MODE } = secret ?? configMap ?? downwardAPI ?? projected ?? {};
  const files = sources.map((source) => readSource(api, pod, source, place, defaultMode));
  return (await Promise.all(files)).flat();
}

/** The four kinds are one: a projected volume of one source, or of several. */
function toSources({
  secret,
  configMap,
  downwardAPI,
  projected,
}: Volume): readonly ProjectedSource[] | undefined {
  if (secret !== undefined) return [{ secret: { ...secret, name: secret.secretName } }];
  if (configMap !== undefined) return [{ configMap }];
  if (downwardAPI !== undefined) return [{ downwardAPI }];
  return projected && (projected.sources ?? []);
}

async function readSource(
  api: Pick<NodeApi, 'readKeys' | 'createToken'>,
  pod: Pod,
  { secret, configMap, downwardAPI, serviceAccountToken }: ProjectedSource,
  place: PodPlace,
  mode: number,
): Promise<VolumeFile[]> {
  const { namespace } = pod.metadata;
  const keyed = secret ?? configMap;
  if (keyed !== undefined) {
    const kind = secret === undefined ? 'ConfigMap' : 'Secret';
    const keys = await api.readKeys(kind, namespace, keyed.name);
    if (keys === undefined) {
      if (keyed.optional === true) return [];
      throw new VolumeError(`${kind.toLowerCase()} "${keyed.name}" not found`);
    }
    return pickKeys(keys, keyed, `${namespace}/${keyed.name}`, mode);
  }
  if (downwardAPI !== undefined)
    return (downwardAPI.items ?? []).map((item) => toDownwardFile(item, pod, place, mode));
  if (serviceAccountToken !== undefined) {
    const { path, audience, expirationSeconds } = serviceAccountToken;
    const token = await api.createToken(pod, {
      ...(audience !== undefined && { audience }),
      ...(expirationSeconds !== undefined && { expirationSeconds }),
    });
    return [{ path, content: Buffer.from(token), mode }];
  }
  throw new VolumeError('this node knows no such source of a projected volume');
}

function pickKeys(
  keys: Readonly<Record<string, Buffer>>,
  { items, optional = false }: { items?: readonly KeyToPath[]; optional?: boolean },
  object: string,
  mode: number,
): VolumeFile[] {
  const wanted = items ?? Object.keys(keys).map((key): KeyToPath => ({ key, path: key }));
  return wanted.flatMap(({ key, path, mode: ownMode = mode }) => {
    const content = keys[key];
    if (content !== undefined) return [{ path, content, mode: ownMode }];
    if (optional) return [];
    throw new VolumeError(`references non-existent key: ${key} of ${object}`);
  });
}

function toDownwardFile(
  { path, mode: ownMode, fieldRef, resourceFieldRef }: DownwardFile,
  pod: Pod,
  place: PodPlace,
  mode: number,
): VolumeFile {
  const text =
    fieldRef === undefined
      ? resourceFieldRef && readResource(resourceFieldRef, pod, undefined, place)
      : readField(fieldRef, pod, place);
  return { path, content: Buffer.from(text ?? ''), mode: ownMode ?? mode };
}
