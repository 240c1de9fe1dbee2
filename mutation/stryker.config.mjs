import { fileURLToPath } from 'node:url';
import { chosen } from './targets.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { mutate, except = [] } = chosen();

/** @type {import('@stryker-mutator/api/core').PartialStrykerOptions} */
export default {
  testRunner: 'vitest',
  plugins: [here('node_modules/@stryker-mutator/vitest-runner/dist/src/index.js')],
  vitest: { configFile: here('vitest.config.mjs'), related: false },
  mutate: [
    ...mutate.map((folder) => `${folder}/**/*.ts`),
    ...except.map((folder) => `!${folder}/**`),
    '!**/*.test.ts',
  ],
  coverageAnalysis: 'perTest',
  concurrency: 1,
  // Long, so that a busy machine makes no mutant look killed.
  timeoutMS: 15_000,
  tempDirName: 'mutation/.sandbox',
  ignorePatterns: ['k8s', 'mutation', 'testbed', 'bench', 'chaos'],
  // It would rewrite paths in there, for which it wants a compiler of its own.
  tsconfigFile: 'none',
  reporters: ['clear-text', 'json'],
  clearTextReporter: { logTests: false, allowColor: false },
  jsonReporter: { fileName: `mutation/reports/${process.env.MUTATION_TARGET}.json` },
  allowConsoleColors: false,
};
