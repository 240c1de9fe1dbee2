import { isInside, toRealPath } from './real-path.ts';

const SCHEME = /^([a-z][a-z0-9+.-]*):\/\//i;
/** What the hub calls a model or a dataset; with `@revision` a dataset's. */
const HUB_NAME = /^[A-Za-z0-9][\w.-]{0,95}(\/[A-Za-z0-9][\w.-]{0,95})?(@[\w./-]{1,100})?$/;
/** Read or written over the network, by the training runtime's own means. */
const REMOTE = new Set(['s3', 'https', 'hf']);

export type Location =
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'https'; readonly url: string }
  | { readonly kind: 'remote' | 'hub' }
  /** `why` completes "<field> …". */
  | { readonly kind: 'refused'; readonly why: string };

/**
 * What a location of a request leads to, read at least as strictly as the training runtime reads it
 * (runtime/trainer_runtime/storage/locations.py). Only where `mayBeName`, a plain name is the hub's;
 * otherwise a text without a scheme is a path.
 */
export function parseLocation(text: string, mayBeName: boolean): Location {
  const scheme = SCHEME.exec(text)?.[1]?.toLowerCase();
  if (scheme === 'https') return { kind: 'https', url: text };
  if (scheme === 'file') return parseFileUrl(text);
  if (scheme !== undefined) {
    if (REMOTE.has(scheme)) return { kind: 'remote' };
    return {
      kind: 'refused',
      why: `uses ${scheme}://, which the local runner cannot reach: use s3://, https://, hf:// or a path`,
    };
  }
  if (mayBeName && HUB_NAME.test(text)) return { kind: 'hub' };
  return toPath(text);
}

function parseFileUrl(text: string): Location {
  const [, host = '', path = ''] = /^file:\/\/([^/]*)(\/.*)?$/is.exec(text) ?? [];
  if ((host !== '' && host.toLowerCase() !== 'localhost') || path === '') {
    return { kind: 'refused', why: 'must read file:///path, without a host' };
  }
  if (/[?#;]/.test(path)) {
    return { kind: 'refused', why: 'must not hold ?, # or ; in a file:// address' };
  }
  try {
    return toPath(decodeURIComponent(path));
  } catch {
    return { kind: 'refused', why: 'holds an escape that is not valid UTF-8' };
  }
}

function toPath(path: string): Location {
  if (path.includes('\0')) return { kind: 'refused', why: 'must not hold a NUL' };
  if (!path.startsWith('/')) {
    return { kind: 'refused', why: 'must be a path from the root on, such as /data/rows.jsonl' };
  }
  return { kind: 'path', path };
}

/** Why a path may not be used, which completes "<field> …"; undefined when it may. */
export function refusePath(path: string, roots: readonly string[]): string | undefined {
  let real: string;
  try {
    real = toRealPath(path);
  } catch {
    return 'is a path that cannot be looked at';
  }
  if (roots.some((root) => isInside(root, real))) return undefined;
  if (roots.length === 0) {
    return 'is a path of this machine, of which jobs may use none: start the service with TRAINER_LOCAL_ROOTS=/the/folder';
  }
  return `is outside the folders that jobs may use: put it below ${roots.join(' or ')}, or start the service with TRAINER_LOCAL_ROOTS=${[...roots, '/another/folder'].join(':')}`;
}
