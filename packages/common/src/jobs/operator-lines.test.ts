import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { toLogged } from './operator-lines.ts';

const SOURCES = new URL('../', import.meta.url);
/** A call of a logger with all that is given to it. */
const LOG_CALL = /logger(?:\??\.\w+|\[[^\]]+\])\(([^;]*?)\);/g;
const BY_IDENTITY = /toLogged\((?:[^()]|\([^()]*\))*\)/g;
const NAMED_OTHERWISE =
  /\b(?:job|job_?id|backend_job_id|name)\s*:|[{,]\s*(?:name|jobId|id)\s*[,}]/i;

it('names a job as operators search for it, as far as it is known', () => {
  const job = { id: 'llama-sft-7', name: 'meta-llama-x' };
  expect(toLogged(job)).toEqual({ job_id: 'llama-sft-7', backend_job_id: 'meta-llama-x' });
  expect(JSON.stringify(toLogged({ name: 'meta-llama-x' }))).toBe(
    '{"backend_job_id":"meta-llama-x"}',
  );
});

it('is the only way in which log lines name a job', () => {
  const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).filter((file) =>
    /(?<!\.test)\.ts$/.test(file),
  );
  const calls = files.flatMap((file) => {
    const text = readFileSync(new URL(file, SOURCES), 'utf8');
    return [...text.matchAll(LOG_CALL)].map(([call]) => ({ file, call }));
  });
  expect(calls.length).toBeGreaterThan(30);
  const otherwise = calls.filter(({ call }) =>
    NAMED_OTHERWISE.test(call.replaceAll(BY_IDENTITY, '')),
  );
  expect(otherwise).toEqual([]);
});
