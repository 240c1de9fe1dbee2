import { readFileSync } from 'node:fs';
import { JOB_STATUSES } from '@trainer/common';
import { LEASE_SECONDS, REASONS } from '@trainer/common/testing/internals';
import { expect, test } from 'vitest';
import { type Manifest, manifestFolderOf, readFolder } from './manifests.ts';

const page = readFileSync(new URL('../docs/KUBERNETES.md', import.meta.url), 'utf8');

/** The rows of the tables under a heading, without the head; a cell's code without its ticks. */
function readRows(heading: string): string[][] {
  const section = page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return [...section.matchAll(/^\| (.*) \|$/gm)]
    .map(([, row = '']) => row.split(' | ').map((cell) => cell.replaceAll('`', '')))
    .filter((row, index) => index > 0 && !row.every((cell) => /^-+$/.test(cell)));
}

test('docs/KUBERNETES.md tells of every reason once, in the order of the code', () => {
  const rows = readRows('Reasons');
  expect(rows.map(([reason]) => reason)).toEqual([...REASONS]);
  for (const [, statuses = ''] of rows) {
    for (const status of statuses.split(', ')) expect(JOB_STATUSES).toContain(status);
  }
});

test('its table of statuses names only reasons and statuses that there are', () => {
  for (const [, status, reasons = ''] of readRows('From a TrainJob to a status')) {
    expect(JOB_STATUSES).toContain(status);
    for (const reason of reasons.match(/[A-Z]+_?[A-Z_]{5,}/g) ?? []) {
      expect(REASONS).toContain(reason);
    }
  }
});

test('its table of rights is that of the manifests', async () => {
  const objects = await readFolder(manifestFolderOf('nemo-api'));
  const role = objects.find(({ kind }) => kind === 'Role') as Manifest;
  const granted = new Map<string, Set<string>>();
  for (const { resources, verbs } of role.rules) {
    for (const resource of resources as string[]) {
      granted.set(resource, new Set([...(granted.get(resource) ?? []), ...verbs]));
    }
  }
  const told = readRows('Rights').flatMap(([resources = '', verbs = '']) =>
    resources.split(', ').map((resource) => [resource, new Set(verbs.split(', '))] as const),
  );
  expect(new Map(told)).toEqual(granted);
});

test('it knows how long a Lease holds', () => {
  expect(page).toContain(`${LEASE_SECONDS} s after that one first saw the last renewal`);
});
