import { type PodPlace, readField, readResource } from './downward-fields.ts';
import type { Keys, NodeApi } from './node-api.ts';
import type { ContainerSpec, EnvSource, EnvVar, KeyRef, Pod } from './pod.ts';
import { expandVariables } from './variable-expansion.ts';

/** What a container refers to is not there: it waits for it. The message is a kubelet's. */
export class MissingReferenceError extends Error {}

type Kind = 'Secret' | 'ConfigMap';

/**
 * The variables of a container: those of its image, then of `envFrom`, then of `env`, where a later
 * one replaces an earlier one of its name and `$(NAME)` refers to those before it.
 * @throws MissingReferenceError while a Secret, ConfigMap or key is absent that is not optional.
 */
export async function resolveEnvironment(
  api: Pick<NodeApi, 'readKeys'>,
  pod: Pod,
  container: ContainerSpec,
  place: PodPlace,
  ofImage: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  const read = createReader(api, pod.metadata.namespace);
  // What an image brings is no variable of the pod: nothing refers to it.
  const known: Record<string, string> = {};
  for (const source of container.envFrom ?? [])
    Object.assign(known, await readSource(source, read));
  for (const variable of container.env ?? []) {
    const value = await readVariable(variable, { pod, container, place, known, read });
    if (value !== undefined) known[variable.name] = value;
  }
  return { ...ofImage, ...known };
}

/** `command` and `args` with the container's variables in place of `$(NAME)`. */
export function expandWords(
  words: readonly string[] | undefined,
  variables: Readonly<Record<string, string>>,
): string[] | undefined {
  return words?.map((word) => expandVariables(word, variables));
}

type Reader = (kind: Kind, name: string, optional: boolean) => Promise<Keys | undefined>;

/** Reads each object once. */
function createReader(api: Pick<NodeApi, 'readKeys'>, namespace: string): Reader {
  const found = new Map<string, Promise<Keys | undefined>>();
  return async (kind, name, optional) => {
    const id = `${kind} ${name}`;
    const reading = found.get(id) ?? api.readKeys(kind, namespace, name);
    found.set(id, reading);
    const keys = await reading;
    if (keys === undefined && !optional)
      throw new MissingReferenceError(`${kind.toLowerCase()} "${name}" not found`);
    return keys;
  };
}

async function readSource(source: EnvSource, read: Reader): Promise<Record<string, string>> {
  const { prefix = '', secretRef, configMapRef } = source;
  const reference = secretRef ?? configMapRef;
  if (reference === undefined) return {};
  const kind = secretRef === undefined ? 'ConfigMap' : 'Secret';
  const keys = await read(kind, reference.name, reference.optional ?? false);
  return Object.fromEntries(
    Object.entries(keys ?? {}).map(([key, value]) => [`${prefix}${key}`, value.toString()]),
  );
}

interface Context {
  readonly pod: Pod;
  readonly container: ContainerSpec;
  readonly place: PodPlace;
  readonly known: Readonly<Record<string, string>>;
  readonly read: Reader;
}

async function readVariable(
  { value = '', valueFrom }: EnvVar,
  { pod, container, place, known, read }: Context,
): Promise<string | undefined> {
  if (valueFrom === undefined) return expandVariables(value, known);
  const { secretKeyRef, configMapKeyRef, fieldRef, resourceFieldRef } = valueFrom;
  if (secretKeyRef !== undefined) return readKey('Secret', secretKeyRef, pod, read);
  if (configMapKeyRef !== undefined) return readKey('ConfigMap', configMapKeyRef, pod, read);
  if (fieldRef !== undefined) return readField(fieldRef, pod, place);
  if (resourceFieldRef !== undefined) return readResource(resourceFieldRef, pod, container, place);
  throw new Error('this node knows no such source of a variable');
}

async function readKey(
  kind: Kind,
  { name, key, optional = false }: KeyRef,
  { metadata }: Pod,
  read: Reader,
): Promise<string | undefined> {
  const keys = await read(kind, name, optional);
  const value = keys?.[key];
  if (value !== undefined) return value.toString();
  if (optional) return undefined;
  throw new MissingReferenceError(
    `couldn't find key ${key} in ${kind} ${metadata.namespace}/${name}`,
  );
}
