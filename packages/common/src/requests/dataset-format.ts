export const DATASET_FORMATS = ['jsonl', 'parquet', 'csv', 'hf', 'nemo'] as const;
export type DatasetFormat = (typeof DATASET_FORMATS)[number];

const BY_SCHEME: Readonly<Record<string, DatasetFormat>> = { hf: 'hf', nemo: 'nemo' };
const BY_EXTENSION: Readonly<Record<string, DatasetFormat>> = {
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  json: 'jsonl',
  parquet: 'parquet',
  csv: 'csv',
};
const COMPRESSION = /\.(gz|zst|bz2|xz)$/;

/** The format that follows from a source's scheme or extension, also for a compressed file. */
export function tellFormat(source: string): DatasetFormat | undefined {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(source)?.[1]?.toLowerCase() ?? '';
  if (Object.hasOwn(BY_SCHEME, scheme)) return BY_SCHEME[scheme];
  const path = source
    .replace(/[?#].*$/, '')
    .toLowerCase()
    .replace(COMPRESSION, '');
  const extension = /\.([a-z]+)$/.exec(path)?.[1] ?? '';
  return Object.hasOwn(BY_EXTENSION, extension) ? BY_EXTENSION[extension] : undefined;
}
