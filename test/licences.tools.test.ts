import { expect, it } from 'vitest';
import { runNpx } from './run-npx.ts';

/** All of them let us ship a package with our images and ask for nothing but its notice. */
const ALLOWED = [
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'ISC',
  'MIT',
  'PSF-2.0',
  'Unlicense',
];

type Report = Record<string, { name: string; versions: string[] }[]>;

it('depends in production only on what has an allowed licence', async () => {
  const { stdout, stderr } = await runNpx(
    ['pnpm@12.21.0'],
    ['pnpm', '--recursive', 'licenses', 'list', '--prod', '--json'],
  );
  expect(stdout, stderr).toMatch(/^\{/);
  const packages = Object.entries(JSON.parse(stdout) as Report).flatMap(([licence, entries]) =>
    entries.map(({ name, versions }) => ({ name, versions, licence })),
  );
  expect(packages.length).toBeGreaterThan(50);
  expect(packages.filter(({ licence }) => !isAllowed(licence))).toEqual([]);
});

it.each([
  ['MIT', true],
  ['(MIT OR GPL-3.0-only)', true],
  ['MIT AND Apache-2.0', true],
  ['MIT AND GPL-3.0-only', false],
  ['GPL-3.0-only', false],
  ['Unknown', false],
])('judges %s', (licence, verdict) => {
  expect(isAllowed(licence)).toBe(verdict);
});

/** Of an SPDX expression without nested alternatives. */
function isAllowed(expression: string): boolean {
  const choices = expression.replaceAll(/[()]/g, '').split(' OR ');
  return choices.some((choice) => choice.split(' AND ').every((name) => ALLOWED.includes(name)));
}
