import { lstatSync, readlinkSync, realpathSync } from 'node:fs';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';

const MAX_LINKS = 40;

/**
 * The path that `path` really leads to, links and `..` resolved, also where its last parts do not
 * exist yet; links that dangle are followed, since who writes there follows them.
 * @throws Error for a loop of links, or where it cannot be looked at.
 */
export function toRealPath(path: string): string {
  let links = 0;
  const follow = (absolute: string): string => {
    const parent = dirname(absolute);
    if (parent === absolute) return absolute;
    const inside = follow(parent);
    const candidate = resolve(inside, absolute.slice(parent.length).replace(sep, ''));
    const stat = lstatSync(candidate, { throwIfNoEntry: false });
    if (!stat?.isSymbolicLink()) return candidate;
    links += 1;
    if (links > MAX_LINKS) throw new Error('too many links');
    return follow(resolve(inside, readlinkSync(candidate)));
  };
  return follow(resolve(path));
}

/** The real path of a folder that must exist. */
export function toRealFolder(path: string): string {
  return realpathSync(path);
}

/** Whether a real path is `root` or lies below it. */
export function isInside(root: string, path: string): boolean {
  const rest = relative(root, path);
  return rest === '' || (!isAbsolute(rest) && rest !== '..' && !rest.startsWith(`..${sep}`));
}
