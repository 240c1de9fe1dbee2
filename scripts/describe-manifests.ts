import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Service, services } from '@trainer/services';
import { type Document, parseAllDocuments, parseDocument, type YAMLSeq } from 'yaml';

const TEMPLATES = 'k8s/template';
/** Backend → stack of runtime/install that its trainings run in; every other backend's is trl. */
const STACKS: Readonly<Record<string, string>> = { nemo: 'nemo', 'hf-unsloth': 'unsloth' };
/** One document for each service, by the template that it is made of. */
const PER_SERVICE = {
  'k8s/overlays/production/ingress.yaml': 'ingress.yaml',
};

/**
 * The manifests of these services in the repository at `root`, as texts by path: each service's
 * own, made of k8s/template, and the lists of services in the other kustomizations, to which is
 * added what they lack.
 */
export async function describeManifests(
  root: string,
  described: readonly Service[] = services,
): Promise<Map<string, string>> {
  const read = (path: string) => readFile(join(root, path), 'utf8');
  const texts = new Map<string, string>();
  for (const file of (await readdir(join(root, TEMPLATES, 'service'))).sort()) {
    const template = await read(`${TEMPLATES}/service/${file}`);
    for (const service of described) {
      texts.set(`services/${service.folder}/k8s/${file}`, fillIn(template, service));
    }
  }
  const runtime = await read(`${TEMPLATES}/runtime.yaml`);
  const runtimes = new Map(
    described.map((service) => [
      `${service.backend.defaults.runtimeName}.yaml`,
      fillIn(runtime, service),
    ]),
  );
  for (const [file, text] of runtimes) texts.set(`k8s/runtimes/${file}`, text);
  const stacks = [...new Set(described.map(toStack))];
  const lists: Lists = {
    'k8s/base/Kustomization': {
      resources: described.map(({ folder }) => `../../services/${folder}/k8s`),
    },
    'k8s/runtimes/Kustomization': {
      resources: [...runtimes.keys()],
    },
    'k8s/overlays/kind/Kustomization': {
      replicas: described.map(({ folder }) => ({ name: folder, count: 1 })),
    },
    'k8s/overlays/production/Kustomization': {
      images: [
        ...described.map(({ folder }) => `trainer-${folder}`),
        ...stacks.map((stack) => `trainer-runtime-${stack}`),
      ].map((name) => ({ name, newName: `registry.example.com/${name}` })),
      replicas: described.map(({ folder }) => ({ name: folder, count: 3 })),
      configMapGenerator: described.map(({ folder }) => ({
        ...{ name: `${folder}-settings`, namespace: 'trainer-system' },
        literals: ['LOG_LEVEL=info'],
      })),
    },
  };
  for (const [path, wanted] of Object.entries(lists)) {
    texts.set(path, withEntries(await read(path), wanted));
  }
  for (const [path, template] of Object.entries(PER_SERVICE)) {
    const filledIn = await read(`${TEMPLATES}/${template}`);
    texts.set(path, withDocuments(await read(path), filledIn, described));
  }
  return texts;
}

type Entry = string | { readonly name: string };
type Lists = Readonly<Record<string, Readonly<Record<string, readonly Entry[]>>>>;

const toStack = ({ name }: Service) => STACKS[name] ?? 'trl';

function fillIn(template: string, service: Service): string {
  const { name, folder, port, backend } = service;
  const values: Record<string, string> = {
    ...{ name, folder, port: String(port), runtime: backend.defaults.runtimeName },
    stack: toStack(service),
  };
  return template.replaceAll(/\$\{(\w+)\}/g, (whole, key: string) => values[key] ?? whole);
}

/** A kustomization with these entries in its lists; what is there stays as somebody wrote it. */
function withEntries(text: string, wanted: Readonly<Record<string, readonly Entry[]>>): string {
  const kustomization = parseDocument(text);
  const isAdded = Object.entries(wanted).map(([key, entries]) => {
    const list = kustomization.get(key) as YAMLSeq;
    const present = new Set((list.toJS(kustomization as Document) as Entry[]).map(nameOf));
    const missing = entries.filter((entry) => !present.has(nameOf(entry)));
    for (const entry of missing) list.add(kustomization.createNode(entry));
    return missing.length > 0;
  });
  return isAdded.includes(true) ? kustomization.toString() : text;
}

const nameOf = (entry: Entry) => (typeof entry === 'string' ? entry : entry.name);

function withDocuments(text: string, template: string, described: readonly Service[]): string {
  const present = parseAllDocuments(text).map((document) => document.toJS()?.metadata?.name);
  const missing = described.filter(({ folder }) => !present.includes(folder));
  return [text, ...missing.map((service) => fillIn(template, service))].join('---\n');
}
