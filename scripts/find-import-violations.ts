import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cruise, type ICruiseResult, type IViolation } from 'dependency-cruiser';
import { buildImportRules, findStaleLevels, hasLevel } from './import-rules.ts';

const FOLDERS = ['packages', 'services', 'testbed', 'bench', 'chaos', 'test', 'scripts'];

/** One sentence for each import in the repository at `root` that breaks a rule, each file without a level, and each level without a file. */
export async function findImportViolations(
  root: string,
  levels: readonly string[][],
): Promise<string[]> {
  const { modules, summary } = await cruiseRepository(root, levels);
  const homeless = modules
    .filter(({ source }) => !hasLevel(source, levels) && !source.endsWith('.test.ts'))
    .map(({ source }) => `${source} has no level: add it to scripts/layers.ts.`);
  const stale = findStaleLevels(
    levels,
    modules.map(({ source }) => source),
  ).map(
    (entry) => `scripts/layers.ts gives ${entry} a level, but there is no such file or folder.`,
  );
  return [...new Set([...homeless, ...stale, ...summary.violations.map(toSentence)])];
}

async function cruiseRepository(root: string, levels: readonly string[][]): Promise<ICruiseResult> {
  const { output } = await cruise(
    FOLDERS.filter((folder) => existsSync(join(root, folder))),
    {
      baseDir: root,
      validate: true,
      ruleSet: { forbidden: buildImportRules(levels) },
      parser: 'tsc',
      // Imports of types count, too.
      tsPreCompilationDeps: true,
      doNotFollow: { path: 'node_modules' },
      exclude: { path: '/(node_modules|dist)/[^@]*$' },
      enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node'] },
    },
  );
  if (typeof output === 'string') throw new Error('dependency-cruiser was asked for no report.');
  return output;
}

function toSentence({ from, to, rule, cycle }: IViolation): string {
  if (cycle)
    return `Import cycle: ${cycle
      .map(({ name }) => name)
      .sort()
      .join(', ')}.`;
  return `${from} ${rule.name} ${to}.`;
}
