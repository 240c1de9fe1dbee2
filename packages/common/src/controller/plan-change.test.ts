import { expect, test } from 'vitest';
import { makeRecord } from '../../test/make-record.ts';
import { toPlanChange } from './plan-change.ts';

const PREPARED = { plan: { nodes: 2 }, echo: { num_nodes: 2 } };

test('a plan made anew adds the warnings that are new, once', () => {
  const record = makeRecord({ warnings: ['known'] });
  const warnings = ['known', 'new'];
  expect(toPlanChange(record, { ...PREPARED, warnings })).toStrictEqual({
    prepared: PREPARED,
    warnings: ['known', 'new'],
  });
});

test('a plan made anew leaves the warnings alone where none is new', () => {
  const record = makeRecord({ warnings: ['known'] });
  for (const warnings of [[], ['known']]) {
    expect(toPlanChange(record, { ...PREPARED, warnings })).toStrictEqual({ prepared: PREPARED });
  }
});
