import { ApiError } from '../../src/kubernetes/api-client.ts';

/** What a path of the Kubernetes API names. */
export interface ApiPath {
  /** The path without the object's name. */
  readonly collection: string;
  readonly namespace: string | undefined;
  readonly group: string;
  readonly resource: string;
  readonly name: string | undefined;
}

const PATH =
  /^(?<collection>\/(?:api\/v1|apis\/(?<group>[^/]+)\/[^/]+)(?:\/namespaces\/(?<namespace>[^/]+))?\/(?<resource>[a-z]+))(?:\/(?<name>[^/]+))?$/;

/** @throws ApiError as for a path that nothing is served at. */
export function parseApiPath(path: string): ApiPath {
  const groups = PATH.exec(path)?.groups;
  if (groups === undefined) {
    const serverMessage = 'the server could not find the requested resource';
    throw new ApiError(`${path} was answered 404`, {
      status: 404,
      reason: 'NotFound',
      serverMessage,
    });
  }
  const { collection = '', group = '', namespace, resource = '', name } = groups;
  return { collection, group, namespace, resource, name: name && decodeURIComponent(name) };
}

/** A refusal in the words of the real server. */
export function refuse(
  { group, resource, name }: ApiPath,
  status: number,
  reason: string,
  why: string,
): ApiError {
  const qualified = group === '' ? resource : `${resource}.${group}`;
  const prefix = status === 409 && reason === 'Conflict' ? 'Operation cannot be fulfilled on ' : '';
  const serverMessage = `${prefix}${qualified} "${name}" ${why}`;
  return new ApiError(`it was answered ${status} ${reason}`, { status, reason, serverMessage });
}
