import { readFileSync } from 'node:fs';

const dockerfile = readFileSync(new URL('../Dockerfile', import.meta.url), 'utf8');

/** V8's settings of the images, with which services are started everywhere. */
export const NODE_OPTIONS = /\bNODE_OPTIONS=(\S+)/.exec(dockerfile)?.[1] ?? '';
