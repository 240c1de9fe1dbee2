import { randomUUID } from 'node:crypto';
import { type ApiClient, ApiError, type ApiRequest } from '../../src/kubernetes/api-client.ts';
import { isNewer } from '../../src/kubernetes/object-store.ts';
import { type ApiObject, isSelected, mergePatch, toMetadataOnly } from './api-object.ts';
import { type ApiPath, parseApiPath, refuse } from './api-path.ts';
import { WatchStream } from './watch-stream.ts';

interface Change {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly collection: string;
  readonly object: ApiObject;
  readonly before: ApiObject | undefined;
}

interface Watch {
  readonly stream: WatchStream;
  readonly request: ApiRequest;
}

type Hook = (request: ApiRequest) => void | Promise<void>;

const MAX_SECRET_BYTES = 1024 * 1024;

/**
 * A Kubernetes API server in memory, with the real one's rules for versions, preconditions, watches,
 * metadata-only reads, finalizers and owners: what the cluster tests prove, at the speed of a unit
 * test. It has no schemas, no admission and no RBAC but what a test puts into `before`.
 */
export class FakeApiServer {
  /** Every call and watch of every client, in order. */
  readonly requests: ApiRequest[] = [];
  /** Answers to a GET of these paths, such as `/openapi/v3`. */
  readonly documents = new Map<string, unknown>();
  /** The fields that `spec` has, by resource; of one that is not here, any. */
  readonly specFields = new Map<string, readonly string[]>();
  /** What `pods/log` is answered with; by default that there is no such container. */
  openLog: (request: ApiRequest) => AsyncIterable<Buffer> = ({ path }) => {
    throw new ApiError(`${path} was answered 400`, { status: 400, reason: 'BadRequest' });
  };
  /** Runs before each request is looked at: throws to refuse it, waits to hold it up. */
  before: Hook = () => {};
  /** Runs once a request has been carried out: throws to lose its answer. */
  after: Hook = () => {};
  /** Runs after each change of an object, inside whatever changed it. */
  onChange: (change: Pick<Change, 'type' | 'object' | 'collection'>) => void = () => {};

  readonly #nowMs: () => number;
  readonly #objects = new Map<string, Map<string, ApiObject>>();
  readonly #watches = new Set<Watch>();
  readonly #pages = new Map<string, { items: ApiObject[]; version: string }>();
  #changes: Change[] = [];
  #version = 1000;
  #compactedAt = '0';

  /** `nowMs` gives the times that the server writes. */
  constructor(nowMs: () => number = Date.now) {
    this.#nowMs = nowMs;
  }

  /** How many watches are open. */
  get watchCount(): number {
    return this.#watches.size;
  }

  /** A connection of its own. */
  connect(): ApiClient {
    return {
      call: <T>(request: ApiRequest) => this.#call(request) as Promise<T>,
      watch: async <T>(request: ApiRequest) => {
        const events = await this.#openWatch(request);
        return events as AsyncIterable<{ type: 'ADDED'; object: T }>;
      },
      stream: async (request: ApiRequest) => {
        await this.#admit(request);
        return this.openLog(request);
      },
      endpoint: () => ({ address: '127.0.0.1', port: 6443 }),
      close: async () => {},
    };
  }

  /** The object at a path, as it is stored. */
  get(path: string): ApiObject | undefined {
    const { collection, name = '' } = parseApiPath(path);
    return structuredClone(this.#objects.get(collection)?.get(name));
  }

  list(path: string): ApiObject[] {
    return structuredClone([...(this.#objects.get(path)?.values() ?? [])]);
  }

  /** Stores an object of the administrator's. */
  create(collection: string, object: object): ApiObject {
    const path = parseApiPath(collection);
    return structuredClone(this.#create(path, { method: 'POST', path: collection, body: object }));
  }

  /** Changes any part of an object, as a controller of the cluster or an administrator would. */
  patch(path: string, patch: object): ApiObject {
    const at = parseApiPath(path);
    return structuredClone(this.#change(at, mergePatch(this.#find(at), patch)));
  }

  /** Writes a status as a controller does, noting the time of it. */
  setStatus(path: string, status: object): ApiObject {
    const time = this.#now();
    const managedFields = [{ manager: 'controller', subresource: 'status', time }];
    return this.patch(path, { status, metadata: { managedFields } });
  }

  delete(path: string): void {
    this.#delete(parseApiPath(path), { method: 'DELETE', path });
  }

  /** Forgets the past: watches and pages that begin in it are told 410. */
  compact(): void {
    this.#changes = [];
    this.#pages.clear();
    this.#compactedAt = String(this.#version);
  }

  /** Takes a backup of everything; returns how to go back to it, which breaks every watch. */
  backup(): () => void {
    const objects = structuredClone(this.#objects);
    const version = this.#version;
    return () => {
      this.#objects.clear();
      for (const [collection, items] of objects) this.#objects.set(collection, items);
      this.#version = version;
      this.compact();
      this.breakWatches();
    };
  }

  /** Tells every watch that asked for bookmarks how far it has come. */
  sendBookmarks(): void {
    for (const { stream, request } of this.#watches) {
      if (request.query?.allowWatchBookmarks !== true) continue;
      const metadata = { name: '', uid: '', resourceVersion: String(this.#version) };
      stream.send({ type: 'BOOKMARK', object: { metadata } });
    }
  }

  /** Breaks every watch. */
  breakWatches(error: unknown = new ApiError('the connection was reset', {})): void {
    for (const { stream } of this.#watches) stream.fail(error);
  }

  /** Ends every watch, as the server does from time to time. */
  endWatches(): void {
    for (const { stream } of this.#watches) stream.end();
  }

  async #call(request: ApiRequest): Promise<unknown> {
    await this.#admit(request);
    const answer = structuredClone(
      this.#answer(structuredClone({ ...request, signal: undefined })),
    );
    await this.after(request);
    request.signal?.throwIfAborted();
    return answer;
  }

  async #admit(request: ApiRequest): Promise<void> {
    this.requests.push(request);
    // No answer comes in the turn of its question.
    await Promise.resolve();
    await this.before(request);
    request.signal?.throwIfAborted();
  }

  #answer(request: Omit<ApiRequest, 'signal'>): unknown {
    const document = this.documents.get(request.path);
    if (document !== undefined) return document;
    const path = parseApiPath(request.path);
    const isMetadataOnly = request.accept?.includes('as=PartialObjectMetadata') === true;
    const shown = (object: ApiObject) => (isMetadataOnly ? toMetadataOnly(object) : object);
    switch (request.method) {
      case 'GET':
        return path.name === undefined
          ? this.#listPage(path, request, shown)
          : shown(this.#find(path));
      case 'POST':
        return shown(this.#create(path, request));
      case 'PATCH':
        return shown(this.#patch(path, request));
      case 'PUT':
        return shown(this.#replace(path, request));
      case 'DELETE': {
        const left = this.#delete(path, request);
        return left === undefined ? { kind: 'Status', status: 'Success' } : shown(left);
      }
    }
  }

  #listPage({ collection }: ApiPath, { query }: ApiRequest, shown: (o: ApiObject) => ApiObject) {
    const { limit, continue: token } = query ?? {};
    const page = token === undefined ? undefined : this.#pages.get(String(token));
    if (token !== undefined && page === undefined) throw expired();
    const version = page?.version ?? String(this.#version);
    const all = page?.items ?? [...(this.#objects.get(collection)?.values() ?? [])];
    const items = all.filter((object) => isSelected(object, query));
    const rest = items.splice(Number(limit ?? items.length));
    const next = rest.length === 0 ? undefined : randomUUID();
    if (next !== undefined) this.#pages.set(next, { items: rest, version });
    const metadata = { resourceVersion: version, ...(next && { continue: next }) };
    return { kind: 'List', metadata, items: items.map(shown) };
  }

  #create(path: ApiPath, request: ApiRequest): ApiObject {
    const body = request.body as ApiObject;
    const { name } = body.metadata;
    const at = { ...path, name };
    if (this.#objects.get(path.collection)?.has(name)) {
      throw refuse(at, 409, 'AlreadyExists', 'already exists');
    }
    const spec = this.#checkSpec(path, request);
    const metadata = {
      ...body.metadata,
      uid: randomUUID(),
      creationTimestamp: this.#now(),
      ...(path.namespace && { namespace: path.namespace }),
    };
    const created = { ...body, ...(spec && { spec }), metadata };
    if (request.query?.dryRun === 'All')
      return { ...created, metadata: { ...metadata, resourceVersion: '' } };
    return this.#store(at, created, undefined);
  }

  #patch(at: ApiPath, { body, contentType }: ApiRequest): ApiObject {
    if (contentType !== 'application/merge-patch+json') {
      throw refuse(at, 415, 'UnsupportedMediaType', `cannot be patched by ${contentType}`);
    }
    const before = this.#find(at);
    this.#checkPreconditions(at, before, (body as ApiObject).metadata);
    return this.#change(at, mergePatch(before, body));
  }

  #replace(at: ApiPath, { body }: ApiRequest): ApiObject {
    const before = this.#find(at);
    const { metadata } = body as ApiObject;
    this.#checkPreconditions(at, before, metadata);
    const { uid, creationTimestamp } = before.metadata;
    const kept = { uid, ...(creationTimestamp && { creationTimestamp }) };
    return this.#change(at, { ...(body as ApiObject), metadata: { ...metadata, ...kept } });
  }

  /** The object where a finalizer holds it, undefined once it is gone. */
  #delete(at: ApiPath, { body }: ApiRequest): ApiObject | undefined {
    const before = this.#find(at);
    const { preconditions } = (body ?? {}) as { preconditions?: Partial<ApiObject['metadata']> };
    this.#checkPreconditions(at, before, preconditions);
    const { deletionTimestamp = this.#now(), finalizers = [] } = before.metadata;
    const metadata = { ...before.metadata, deletionTimestamp };
    const left = this.#change(at, { ...before, metadata });
    return finalizers.length > 0 ? left : undefined;
  }

  #change(at: ApiPath, object: ApiObject): ApiObject {
    const before = this.#find(at);
    const { deletionTimestamp, finalizers = [] } = object.metadata;
    if (deletionTimestamp === undefined || finalizers.length > 0) {
      return this.#store(at, object, before);
    }
    this.#remove(at, before);
    return object;
  }

  #store(at: ApiPath, object: ApiObject, before: ApiObject | undefined): ApiObject {
    checkSize(at, object);
    const metadata = { ...object.metadata, resourceVersion: this.#nextVersion() };
    const stored = { ...object, metadata };
    const objects = this.#objects.get(at.collection) ?? new Map<string, ApiObject>();
    this.#objects.set(at.collection, objects.set(metadata.name, stored));
    this.#announce({
      type: before === undefined ? 'ADDED' : 'MODIFIED',
      ...{ collection: at.collection, object: stored, before },
    });
    return stored;
  }

  #remove(at: ApiPath, before: ApiObject): void {
    this.#objects.get(at.collection)?.delete(before.metadata.name);
    const metadata = { ...before.metadata, resourceVersion: this.#nextVersion() };
    const { collection } = at;
    this.#announce({ type: 'DELETED', collection, object: { ...before, metadata }, before });
    this.#collectGarbage(before.metadata.uid);
  }

  /** Deletes what was owned by an object that is gone. */
  #collectGarbage(owner: string): void {
    for (const [collection, objects] of this.#objects) {
      for (const { metadata } of [...objects.values()]) {
        const isOwned = metadata.ownerReferences?.some(({ uid }) => uid === owner);
        if (isOwned) this.delete(`${collection}/${metadata.name}`);
      }
    }
  }

  async #openWatch(request: ApiRequest) {
    await this.#admit(request);
    const { resourceVersion: from } = request.query ?? {};
    const { collection } = parseApiPath(request.path);
    const stream = new WatchStream();
    const watch = { stream, request };
    if (typeof from === 'string' && isNewer(this.#compactedAt, from)) stream.fail(expired());
    for (const change of this.#changes) {
      if (isNewer(change.object.metadata.resourceVersion, String(from ?? '0'))) {
        tell(watch, collection, change);
      }
    }
    this.#watches.add(watch);
    request.signal?.addEventListener('abort', () => stream.end(), { once: true });
    return this.#readWatch(watch);
  }

  async *#readWatch(watch: Watch) {
    try {
      yield* watch.stream.read(() => watch.request.signal?.aborted === true);
    } finally {
      this.#watches.delete(watch);
    }
  }

  #announce(change: Change): void {
    this.#changes.push(change);
    for (const watch of this.#watches)
      tell(watch, parseApiPath(watch.request.path).collection, change);
    this.onChange(change);
  }

  #checkPreconditions(at: ApiPath, object: ApiObject, wanted?: Partial<ApiObject['metadata']>) {
    for (const field of ['uid', 'resourceVersion'] as const) {
      if (wanted?.[field] !== undefined && wanted[field] !== object.metadata[field]) {
        throw refuse(at, 409, 'Conflict', 'does not meet the precondition');
      }
    }
  }

  /** Without strict validation a field that the resource lacks is dropped in silence. */
  #checkSpec({ resource }: ApiPath, { query, body }: ApiRequest): object | undefined {
    const known = this.specFields.get(resource);
    const { spec } = body as { spec?: Record<string, unknown> };
    if (known === undefined || spec === undefined) return spec;
    const unknown = Object.keys(spec).find((field) => !known.includes(field));
    if (unknown !== undefined && query?.fieldValidation === 'Strict') {
      const serverMessage = `strict decoding error: unknown field "spec.${unknown}"`;
      throw new ApiError('POST was answered 400', {
        status: 400,
        reason: 'BadRequest',
        serverMessage,
      });
    }
    return Object.fromEntries(Object.entries(spec).filter(([field]) => known.includes(field)));
  }

  #find(at: ApiPath): ApiObject {
    const object = this.#objects.get(at.collection)?.get(at.name ?? '');
    if (object === undefined) throw refuse(at, 404, 'NotFound', 'not found');
    return object;
  }

  #nextVersion(): string {
    this.#version += 1;
    return String(this.#version);
  }

  /** Kubernetes writes whole seconds. */
  #now(): string {
    return new Date(this.#nowMs()).toISOString().replace(/\.\d+/, '');
  }
}

/** A watch with a selector sees an object come and go as it begins and ceases to be selected. */
function tell({ stream, request }: Watch, collection: string, change: Change): void {
  if (change.collection !== collection) return;
  const { query, accept } = request;
  const { type, object, before } = change;
  const is = type !== 'DELETED' && isSelected(object, query);
  const was = before !== undefined && isSelected(before, query);
  if (!is && !was) return;
  const shown = accept?.includes('as=PartialObjectMetadata') ? toMetadataOnly(object) : object;
  stream.send({ type: is ? (was ? 'MODIFIED' : 'ADDED') : 'DELETED', object: shown });
}

function checkSize(at: ApiPath, { data = {} }: ApiObject): void {
  const bytes = Object.values(data as Record<string, string>).reduce((sum, text) => {
    return sum + Buffer.byteLength(text, 'base64');
  }, 0);
  if (bytes > MAX_SECRET_BYTES) throw refuse(at, 422, 'Invalid', 'is invalid: data: Too long');
}

function expired(): ApiError {
  const serverMessage = 'The resourceVersion is too old';
  return new ApiError('it was answered 410 Expired', {
    status: 410,
    reason: 'Expired',
    serverMessage,
  });
}
