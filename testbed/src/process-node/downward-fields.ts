import {
  type ContainerSpec,
  containersOf,
  type FieldRef,
  type Pod,
  type ResourceFieldRef,
} from './pod.ts';
import { parseQuantity } from './quantity.ts';

/** What a pod may learn of where it runs. */
export interface PodPlace {
  readonly podIp: string;
  readonly hostIp: string;
  readonly nodeName: string;
  /** Amounts that stand for limits which a container does not have. */
  readonly allocatable: Readonly<Record<string, string>>;
}

/**
 * The value of a field reference of the downward API. `metadata.labels` and `metadata.annotations`
 * as a whole are for volumes: one `key="escaped-value"` a line.
 * @throws Error for a field that the downward API does not have.
 */
export function readField({ fieldPath }: FieldRef, pod: Pod, place: PodPlace): string {
  const { metadata, spec } = pod;
  const [, map, key] = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(fieldPath) ?? [];
  if (map !== undefined && key !== undefined)
    return metadata[map as 'labels' | 'annotations']?.[key] ?? '';
  const fields: Record<string, () => string> = {
    'metadata.name': () => metadata.name,
    'metadata.namespace': () => metadata.namespace,
    'metadata.uid': () => metadata.uid,
    'metadata.labels': () => toLines(metadata.labels),
    'metadata.annotations': () => toLines(metadata.annotations),
    'spec.nodeName': () => place.nodeName,
    'spec.serviceAccountName': () => spec.serviceAccountName ?? 'default',
    'status.hostIP': () => place.hostIp,
    'status.hostIPs': () => place.hostIp,
    'status.podIP': () => place.podIp,
    'status.podIPs': () => place.podIp,
  };
  const read = fields[fieldPath];
  if (read === undefined) throw new Error(`the downward API has no field ${fieldPath}`);
  return read();
}

/**
 * The value of a resource reference, in units of its divisor and rounded up: a limit that is not
 * set is what the node can give, a request that is not set is the limit.
 */
export function readResource(
  { containerName, resource, divisor = '1' }: ResourceFieldRef,
  pod: Pod,
  own: ContainerSpec | undefined,
  { allocatable }: PodPlace,
): string {
  const container =
    containerName === undefined
      ? own
      : containersOf(pod).find(({ name }) => name === containerName);
  if (container === undefined) throw new Error(`there is no container ${containerName}`);
  const [, kind, name = ''] = /^(limits|requests)\.(.+)$/.exec(resource) ?? [];
  if (kind === undefined) throw new Error(`${resource} is no resource of a container`);
  const { limits, requests } = container.resources ?? {};
  const limit = limits?.[name] ?? allocatable[name] ?? '0';
  const amount = kind === 'limits' ? limit : (requests?.[name] ?? limit);
  // `0` stands for `1` in the API.
  const unit = parseQuantity(divisor) || 1;
  return String(Math.ceil(parseQuantity(amount) / unit));
}

function toLines(map: Readonly<Record<string, string>> = {}): string {
  return Object.keys(map)
    .sort()
    .map((key) => `${key}=${JSON.stringify(map[key])}`)
    .join('\n');
}
