import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ReportBed, startReportBed } from '../report-bed.ts';
import { makeRequest } from '../start-test-service.ts';

let bed: ReportBed;
beforeAll(async () => {
  bed = await startReportBed();
});
afterAll(() => bed[Symbol.asyncDispose]());

const get = async (path: string) => (await bed.service.request(path)).body;
const tell = ({ phases }: { phases: { phase: string; owner: string; ended_at: unknown }[] }) =>
  phases.map(({ phase, owner, ended_at }) => [phase, owner, ended_at === null ? 'now' : 'over']);

it('tells where the time of a job goes, from one phase to the next, until its end', async () => {
  const mock = { submitted_seconds: 0, outcome: 'never' };
  await bed.service.post('/train', makeRequest({ job_id: 'phased', extra_parameters: { mock } }));
  const running = await get('/train/phased?wait=50&after=1');
  expect(tell(running)).toEqual([
    ['queued', 'service', 'over'],
    ['training', 'training', 'now'],
  ]);
  await bed.report('phased', { attempt: 1, phase: 'saving' });
  const saving = await get('/train/phased?wait=50&after=2');
  expect(tell(saving).slice(1)).toEqual([
    ['training', 'training', 'over'],
    ['saving', 'training', 'now'],
  ]);
  expect(saving.phase).toBe('saving');
  const rows = await get('/train?phase=saving');
  expect(rows.data.map(({ job_id }: { job_id: string }) => job_id)).toEqual(['phased']);
  const ended = (await bed.service.post('/train/phased/cancel')).body;
  expect(tell(ended).at(-1)).toEqual(['saving', 'training', 'over']);
  expect(ended.phases.at(-1).ended_at).toBe(ended.timestamps.ended_at);
  expect(ended.phase).toBeNull();
});
