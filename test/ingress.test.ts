import { readFileSync } from 'node:fs';
import { services } from '@trainer/services';
import { expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';

const file = new URL('../k8s/overlays/production/ingress.yaml', import.meta.url);
const ingresses = parseAllDocuments(readFileSync(file, 'utf8')).map((each) => each.toJS());

const template = parse(
  readFileSync(new URL('../k8s/template/ingress.yaml', import.meta.url), 'utf8').replaceAll(
    /\$\{\w+\}/g,
    'any',
  ),
);

test.each(services)('a new service gets the paths of $name', ({ folder }) => {
  const pathsOf = ({ spec }: typeof template) =>
    spec.rules[0].http.paths.map(({ path, pathType }: typeof template) => [path, pathType]);
  const own = ingresses.find(({ metadata }) => metadata.name === folder);
  expect(pathsOf(own)).toEqual(pathsOf(template));
});

test.each(services)(
  'the Ingress lets in what people and clients of $name need',
  ({ folder, name }) => {
    const { spec } = ingresses.find(({ metadata }) => metadata.name === folder);
    const [{ host, http }] = spec.rules;
    expect(host).toBe(`${name}.trainer.example.com`);
    const paths = http.paths.map((each: { path: string; pathType: string }) => [
      each.path,
      each.pathType,
    ]);
    // Never all below /, where /metrics and /readyz are.
    expect(paths).toEqual([
      ['/', 'Exact'],
      ['/page', 'Prefix'],
      ['/version', 'Exact'],
      ['/plans', 'Exact'],
      ['/train', 'Prefix'],
      ['/events', 'Exact'],
      ['/deliveries', 'Prefix'],
      ['/healthz', 'Prefix'],
      ['/docs', 'Prefix'],
      ['/openapi.json', 'Prefix'],
    ]);
    const ports = http.paths.map((each: { backend: unknown }) => each.backend);
    expect(new Set(ports.map((port: unknown) => JSON.stringify(port))).size).toBe(1);
    expect(ports[0]).toEqual({ service: { name: folder, port: { name: 'http' } } });
  },
);
