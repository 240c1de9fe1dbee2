import { describe, expect, test } from 'vitest';
import { makeBody, parseValid } from '../../test/builders.ts';
import { toAsked } from './canonical-request.ts';
import { parseTrainingRequest } from './parse-training-request.ts';

describe('a format that is auto, or missing', () => {
  test.each([
    ['s3://b/a.jsonl', 'jsonl'],
    ['s3://b/a.JSONL.gz', 'jsonl'],
    ['/data/a.ndjson', 'jsonl'],
    ['https://h/a.json?sig=x.csv', 'jsonl'],
    ['s3://b/part-0.parquet', 'parquet'],
    ['a.csv.zst', 'csv'],
    ['hf://org/set', 'hf'],
    ['hf://org/set/a.parquet', 'hf'],
  ])('is told by %s: %s', (source, format) => {
    for (const given of ['auto', null, '', undefined]) {
      const { datasets } = parseValid(makeBody({ datasets: [{ source, format: given }] }));
      expect(datasets[0]?.format).toBe(format);
    }
  });

  test.each(['s3://b/folder/', 'org/set', 's3://b/a.txt', 's3://b/constructor', 'x.toString'])(
    'cannot be told by %s',
    (source) => {
      const datasets = [{ source: 's3://b/a.csv' }, { source, format: 'auto' }];
      expect(parseTrainingRequest(makeBody({ datasets })).violations).toEqual([
        {
          path: 'datasets[1].format',
          message:
            'datasets[1].format cannot be told from the source; it must be one of jsonl, parquet, csv, hf, nemo.',
        },
      ]);
    },
  );

  test('is what was asked, either way', () => {
    const askedOf = (format?: unknown) => {
      const body = makeBody({ 'datasets.0.format': format });
      return toAsked(body, parseValid(body)).form;
    };
    expect(askedOf('auto')).toEqual(askedOf(undefined));
    expect(askedOf('auto')).not.toEqual(askedOf('jsonl'));
  });
});
