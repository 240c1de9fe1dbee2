import { existsSync } from 'node:fs';
import { inRoot } from './project-paths.mjs';
import { Refusal } from './refusal.mjs';

/** The Node that runs the TypeScript sources: the installed package's, else a new enough own one. */
export function findNode() {
  const packaged = inRoot('node_modules/.bin/node');
  if (existsSync(packaged)) return packaged;

  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 19)) return process.execPath;
  throw new Refusal(
    `Node ${process.versions.node} is too old here: install Node 22.19 or newer ` +
      `(no packaged Node 24 exists for ${process.platform}-${process.arch}).`,
  );
}
