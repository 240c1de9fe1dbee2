import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { findImportViolations } from './find-import-violations.ts';

const LEVELS = [['errors.ts', 'clock.ts'], ['stores/', 'runners/'], ['index.ts']];
const COMMON = 'packages/common/src';
const BESIDE_COMMON = {
  'services/b-api/src/backend.ts': 'export {};',
  'services/registry.ts': 'export {};',
  'testbed/src/main.ts': 'export {};',
  'test/start.ts': 'export {};',
};
const made: string[] = [];

afterEach(async () => {
  for (const folder of made.splice(0)) await rm(folder, { recursive: true });
});

/** The violations of a small repository of these files, beside which it is faultless. */
async function violationsWith(files: Record<string, string>, levels = LEVELS): Promise<string[]> {
  const root = await mkdtemp(join(tmpdir(), 'import-rules-'));
  made.push(root);
  const all = {
    'package.json': '{ "devDependencies": { "left-pad": "1" } }',
    'node_modules/left-pad/package.json': '{ "name": "left-pad", "exports": "./index.js" }',
    'node_modules/left-pad/index.js': 'export {};',
    'packages/common/package.json':
      '{ "name": "@trainer/common", "exports": { ".": "./src/index.ts", "./errors": "./src/errors.ts" } }',
    [`${COMMON}/errors.ts`]: "import './clock.ts';",
    [`${COMMON}/clock.ts`]: 'export type Clock = () => number;',
    [`${COMMON}/stores/store.ts`]: "import './memory.ts'; import '../errors.ts';",
    [`${COMMON}/stores/memory.ts`]: 'export {};',
    [`${COMMON}/stores/store.test.ts`]: "import '../runners/mock.ts';",
    [`${COMMON}/runners/mock.ts`]: 'export {};',
    [`${COMMON}/index.ts`]: "export * from './stores/store.ts';",
    'services/a-api/src/server.ts': "import '@trainer/common'; import './backend.ts';",
    'services/a-api/src/backend.ts': "import '@trainer/common';",
    ...files,
  };
  for (const [path, text] of Object.entries(all)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  await link(root, 'services/a-api', 'common', 'packages/common');
  await link(root, 'packages/common', 'testbed', 'testbed');
  return findImportViolations(root, levels);
}

/** Lets a package import another by name. */
async function link(root: string, from: string, name: string, to: string): Promise<void> {
  await mkdir(join(root, from, 'node_modules/@trainer'), { recursive: true });
  await symlink(join(root, to), join(root, from, 'node_modules/@trainer', name));
}

test('a repository that keeps to the rules has no violation', async () => {
  expect(await violationsWith({})).toEqual([]);
});

test.each([
  ['statically', "import '../stores/store.ts';"],
  ['as a type', "import type { Store } from '../stores/store.ts';"],
  ['as an inline type', "let store: import('../stores/store.ts').Store;"],
  ['dynamically', "await import('../stores/store.ts');"],
  ['beside a using declaration', "using a = null; import '../stores/store.ts';"],
  ['by exporting it again', "export * from '../stores/store.ts';"],
])('a folder may not import another of its level %s', async (_how, text) => {
  expect(await violationsWith({ [`${COMMON}/runners/mock.ts`]: text })).toEqual([
    `${COMMON}/runners/mock.ts is on level 1, from where it may not import ${COMMON}/stores/store.ts.`,
  ]);
});

test('nothing may import a higher level, such as index.ts', async () => {
  expect(await violationsWith({ [`${COMMON}/stores/memory.ts`]: "import '../index.ts';" })).toEqual(
    expect.arrayContaining([
      `${COMMON}/stores/memory.ts is on level 1, from where it may not import ${COMMON}/index.ts.`,
      `Import cycle: ${COMMON}/index.ts, ${COMMON}/stores/memory.ts, ${COMMON}/stores/store.ts.`,
    ]),
  );
});

test('a cycle is named once, even one of types on one level', async () => {
  const text = "import type { E } from './errors.ts';";
  expect(await violationsWith({ [`${COMMON}/clock.ts`]: text })).toEqual([
    `Import cycle: ${COMMON}/clock.ts, ${COMMON}/errors.ts.`,
  ]);
});

test.each(['helpers.ts', 'local/runner.ts'])('%s without a level is named', async (file) => {
  expect(await violationsWith({ [`${COMMON}/${file}`]: 'export {};' })).toEqual([
    `${COMMON}/${file} has no level: add it to scripts/layers.ts.`,
  ]);
});

test('a level that nothing has is named', async () => {
  const levels = [...LEVELS, ['service/'], ['gone.ts']];
  expect(await violationsWith({}, levels)).toEqual([
    'scripts/layers.ts gives service/ a level, but there is no such file or folder.',
    'scripts/layers.ts gives gone.ts a level, but there is no such file or folder.',
  ]);
});

test.each([
  ['node:fs', 'fs'],
  ['@trainer/common/errors', `${COMMON}/errors.ts`],
])('a service may not import %s', async (specifier, resolved) => {
  const violations = await violationsWith({
    'services/a-api/src/backend.ts': `import '${specifier}';`,
  });
  expect(violations).toEqual([
    `services/a-api/src/backend.ts is a service, which imports only @trainer/common and @trainer/services, not ${resolved}.`,
  ]);
});

test.each([
  [
    'services/a-api/src/backend.test.ts',
    '../../b-api/src/backend.ts',
    'services/b-api/src/backend.ts',
  ],
  ['services/a-api/src/backend.test.ts', '../../registry.ts', 'services/registry.ts'],
  ['services/registry.ts', '../packages/common/src/errors.ts', `${COMMON}/errors.ts`],
  ['bench/main.ts', '../packages/common/src/index.ts', `${COMMON}/index.ts`],
  ['packages/common/test/bed.ts', '../../../testbed/src/main.ts', 'testbed/src/main.ts'],
  ['testbed/src/main.ts', '../../test/start.ts', 'test/start.ts'],
])('%s may not leave its package by %s', async (file, specifier, resolved) => {
  const violations = await violationsWith({
    ...BESIDE_COMMON,
    [file]: `import '${specifier}';`,
  });
  expect(violations).toEqual([`${file} leaves its package by a relative path to ${resolved}.`]);
});

test('a file of the root may not enter a package by a relative path', async () => {
  const text = "import '../packages/common/src/index.ts';";
  expect(await violationsWith({ 'test/api.test.ts': text })).toEqual([
    `test/api.test.ts enters a package by a relative path to ${COMMON}/index.ts.`,
  ]);
});

test("the registry may reach into its own folder's packages", async () => {
  const text = "export {} from './a-api/src/backend.ts';";
  expect(await violationsWith({ 'services/registry.ts': text })).toEqual([]);
});

test.each([
  ['left-pad', 'node_modules/left-pad/index.js'],
  ['./mock.test.ts', `${COMMON}/runners/mock.test.ts`],
  ['@trainer/testbed', 'testbed/src/main.ts'],
])('shipped code may not import %s', async (specifier, resolved) => {
  const violations = await violationsWith({
    [`${COMMON}/runners/mock.ts`]: `import '${specifier}';`,
    [`${COMMON}/runners/mock.test.ts`]: 'export {};',
    'testbed/package.json': '{ "name": "@trainer/testbed", "exports": "./src/main.ts" }',
    'testbed/src/main.ts': 'export {};',
  });
  expect(violations).toEqual([expect.stringMatching(new RegExp(` ${resolved}[.]$`))]);
});
