import type { IForbiddenRuleType } from 'dependency-cruiser';

const COMMON = 'packages/common/src/';
const TEST_FILE = '[.]test[.]ts$';

/** A file's package; what matches none belongs to the root's. The registry is a file of services/. */
const PACKAGE = '^((?:packages|services)/[^/]+|services|testbed|bench|chaos)/';

/** The import rules of the whole repository, given the levels of packages/common/src. */
export function buildImportRules(levels: readonly string[][]): IForbiddenRuleType[] {
  return [
    {
      name: 'is part of an import cycle with',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'leaves its package by a relative path to',
      severity: 'error',
      from: { path: PACKAGE },
      to: { dependencyTypes: ['local'], pathNot: '^$1/' },
    },
    {
      name: 'enters a package by a relative path to',
      severity: 'error',
      from: { pathNot: PACKAGE },
      to: { dependencyTypes: ['local'], path: PACKAGE },
    },
    {
      name: 'is a service, which imports only @trainer/common and @trainer/services, not',
      severity: 'error',
      from: { path: '^services/([^/]+)/src/', pathNot: TEST_FILE },
      to: {
        pathNot: [
          '^services/($1/(src/|example[.]json$)|index[.]ts$)',
          `^${COMMON}(requests/)?index[.]ts$`,
        ],
      },
    },
    {
      name: 'is shipped code, which must not import',
      severity: 'error',
      from: { path: '^(packages|services)/[^/]+/src/', pathNot: TEST_FILE },
      to: { path: [TEST_FILE, '/test/', '^(testbed|bench|chaos|test|scripts)/'] },
    },
    {
      name: "is shipped code whose package.json does not list among its 'dependencies'",
      severity: 'error',
      from: { path: '^(packages|services)/[^/]+/src/', pathNot: TEST_FILE },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
    ...levels.flatMap((level, index) => level.map((entry) => levelRule(entry, index, levels))),
  ];
}

/** Whether the level table has a place for a file of packages/common/src; other files need none. */
export function hasLevel(file: string, levels: readonly string[][]): boolean {
  return !file.startsWith(COMMON) || new RegExp(anyOf(levels.flat())).test(file);
}

/** The entries of the level table that none of these files is or lies in. */
export function findStaleLevels(levels: readonly string[][], files: readonly string[]): string[] {
  return levels.flat().filter((entry) => {
    const path = `${COMMON}${entry}`;
    return !files.some((file) => (isFolder(entry) ? file.startsWith(path) : file === path));
  });
}

function levelRule(entry: string, index: number, levels: readonly string[][]): IForbiddenRuleType {
  const ownFolder = isFolder(entry) ? [entry] : (levels[index] ?? []).filter((e) => !isFolder(e));
  const allowed = [...levels.slice(0, index).flat(), ...ownFolder];
  return {
    name: `is on level ${index}, from where it may not import`,
    severity: 'error',
    from: { path: anyOf([entry]), pathNot: TEST_FILE },
    to: { path: `^${COMMON}`, pathNot: anyOf(allowed) },
  };
}

const isFolder = (entry: string) => entry.endsWith('/');

function anyOf(entries: string[]): string {
  const patterns = entries.map((entry) => entry.replace('.', '[.]') + (isFolder(entry) ? '' : '$'));
  return `^${COMMON}(${patterns.join('|')})`;
}
