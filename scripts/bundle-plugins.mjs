import { readFile } from 'node:fs/promises';

const UNPACKED_PAGE = "path.join(__dirname, '..', 'static')";
const BUNDLED_PAGE = "path.join(__dirname, 'static')";
const KUBERNETES_CLIENT = '@kubernetes/client-node';

/** The docs page's files lie beside the bundle, where every module's `__dirname` is. */
export const docsPage = {
  name: 'docs-page',
  setup({ onLoad }) {
    onLoad({ filter: /@fastify\/swagger-ui\/lib\/routes\.js$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      if (!source.includes(UNPACKED_PAGE)) throw new Error(`${path} finds its page elsewhere now`);
      return { contents: source.replace(UNPACKED_PAGE, BUNDLED_PAGE) };
    });
  },
};

/**
 * Of the Kubernetes client only KubeConfig is used, but a lazy import asks for all of it: 16 MB of
 * generated classes, which cost most of a second to load. Its modules only define things, though
 * its package.json does not say so; with that said, the rest falls away.
 */
export const kubeConfigOnly = {
  name: 'kube-config-only',
  setup({ onLoad, onResolve, resolve }) {
    onResolve({ filter: /^@kubernetes\/client-node$/ }, ({ kind, resolveDir }) => {
      if (kind !== 'dynamic-import') return undefined;
      return { path: KUBERNETES_CLIENT, namespace: 'kube-config', pluginData: resolveDir };
    });
    onLoad({ filter: /.*/, namespace: 'kube-config' }, ({ path, pluginData }) => ({
      contents: `export { KubeConfig } from '${path}';`,
      resolveDir: pluginData,
    }));
    onResolve({ filter: /^\.|^@kubernetes/ }, async ({ path, pluginData, ...from }) => {
      const isItsOwn =
        from.namespace === 'kube-config' || from.importer.includes(KUBERNETES_CLIENT);
      if (!isItsOwn || pluginData === 'resolved') return undefined;
      const { importer, kind, namespace, resolveDir } = from;
      const asked = { importer, kind, namespace, resolveDir, pluginData: 'resolved' };
      const found = await resolve(path, asked);
      return { ...found, sideEffects: false };
    });
  },
};
