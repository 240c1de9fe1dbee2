import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { BaseTrainerBackend } from '../../backends/base-trainer-backend.ts';
import type { Config } from '../../config.ts';

/** A service beside this one that the page asks too, by its address as browsers see it. */
export interface Peer {
  readonly name: string;
  readonly origin: string;
}

/** What the page must know before its first request. */
export interface PageSettings {
  readonly service: string;
  readonly title: string;
  readonly peers: readonly Peer[];
}

/** Of this service; the same list of peers may be given to all, each of which leaves itself out. */
export function toPageSettings(
  { name, title }: Pick<BaseTrainerBackend, 'name' | 'title'>,
  { peers }: Pick<Config, 'peers'>,
): PageSettings {
  return { service: name, title, peers: peers.filter((peer) => peer.name !== name) };
}

/** One file of the page, as it is sent. */
export interface PageFile {
  readonly path: string;
  readonly contentType: string;
  readonly content: Buffer;
  readonly gzipped: Buffer;
  readonly etag: string;
}

const DOCUMENT = 'index.html';
/** Stands in the document where the settings belong. */
const SETTINGS_PLACE = '{"settings":"of the service"}';
const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** The files of the built page, none where it was not built; the document is at `/`. */
export async function readPageFiles(folder: URL, settings: PageSettings): Promise<PageFile[]> {
  const names = await readdir(folder).catch(() => []);
  const served = names.filter((name) => extname(name) in CONTENT_TYPES);
  return Promise.all(
    served.map(async (name) => {
      const source = await readFile(new URL(name, folder));
      if (name !== DOCUMENT) return toPageFile(`/page/${name}`, source);
      const text = source.toString('utf8').replace(SETTINGS_PLACE, () => toInlineJson(settings));
      return toPageFile('/', Buffer.from(text), name);
    }),
  );
}

async function toPageFile(path: string, content: Buffer, name = path): Promise<PageFile> {
  return {
    path,
    contentType: CONTENT_TYPES[extname(name)] ?? 'application/octet-stream',
    content,
    gzipped: await promisify(gzip)(content, { level: 9 }),
    // Weak, since both encodings share it.
    etag: `W/"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`,
  };
}

/** Nothing in it ends the element that it stands in. */
function toInlineJson(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}
