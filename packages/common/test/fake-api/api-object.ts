import type { CachedObject } from '../../src/kubernetes/object-store.ts';

/** Any object of the Kubernetes API, as the fake server keeps it. */
export interface ApiObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: CachedObject['metadata'] & {
    readonly creationTimestamp?: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly finalizers?: readonly string[];
    readonly ownerReferences?: readonly { readonly uid: string }[];
    readonly managedFields?: readonly object[];
  };
  readonly [field: string]: unknown;
}

/** The object without spec, data and status. */
export function toMetadataOnly({ metadata }: ApiObject): ApiObject {
  return { apiVersion: 'meta.k8s.io/v1', kind: 'PartialObjectMetadata', metadata };
}

/** The object with a JSON merge patch (RFC 7396) applied: null removes a field. */
export function mergePatch<T>(target: T, patch: unknown): T {
  if (!isObject(patch)) return patch as T;
  const result: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result as T;
}

/** Whether the object has the labels and fields that a list or a watch asks for. */
export function isSelected(
  object: ApiObject,
  query: Readonly<Record<string, unknown>> | undefined,
): boolean {
  const { labels = {} } = object.metadata;
  return (
    matches(query?.labelSelector, (key) => labels[key]) &&
    matches(query?.fieldSelector, (path) => readField(object, path))
  );
}

function matches(selector: unknown, read: (key: string) => string | undefined): boolean {
  if (typeof selector !== 'string' || selector === '') return true;
  return selector.split(',').every((term) => {
    const [, key = '', operator, wanted] = /^([^!=]+)(!?==?)?(.*)$/.exec(term) ?? [];
    const actual = read(key);
    if (operator === undefined) return actual !== undefined;
    return (actual === wanted) === !operator.startsWith('!');
  });
}

function readField(object: ApiObject, path: string): string | undefined {
  const value = path.split('.').reduce<unknown>((at, key) => {
    return isObject(at) ? at[key] : undefined;
  }, object);
  return value === undefined ? undefined : String(value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
