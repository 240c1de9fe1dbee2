import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { services } from '@trainer/services';
import { parseAllDocuments } from 'yaml';

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  // biome-ignore lint/suspicious/noExplicitAny: objects of any kind pass through here
  readonly [key: string]: any;
}

/** The folders of all services, which are also what their objects are called. */
export const SERVICES = services.map(({ folder }) => folder);
export const manifestFolderOf = (service: string) => `services/${service}/k8s`;

/** The documents of one file, strictly: a key given twice or a wrong indentation is an error. */
export async function readDocuments<T = Manifest>(file: string): Promise<T[]> {
  return parseAllDocuments(await readFile(file, 'utf8'), { strict: true }).map((document) => {
    const [problem] = [...document.errors, ...document.warnings];
    if (problem !== undefined) throw new Error(`${file}: ${problem.message}`);
    return document.toJS() as T;
  });
}

/** Files of a folder that `kubectl apply -f FOLDER` takes: it goes by their endings. */
export async function listApplied(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  return names.filter((name) => /\.(ya?ml|json)$/.test(name)).sort();
}

/** What `kubectl apply -f FOLDER` sends. */
export async function readFolder(folder: string): Promise<Manifest[]> {
  const files = await listApplied(folder);
  return (await Promise.all(files.map((file) => readDocuments(join(folder, file))))).flat();
}
