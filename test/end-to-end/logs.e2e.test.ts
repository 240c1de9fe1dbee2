import { findMissingRequirement } from '@trainer/testbed';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { ServiceFixture } from '../cluster/service-fixture.ts';
import { ENDLESS, type TrainingJobs } from './training-jobs.ts';
import { TrainingSuite } from './training-suite.ts';

const backend = 'hf-unsloth';
const missing = findMissingRequirement();
const title = missing === undefined ? 'the log of a pod' : `the log of a pod needs ${missing}`;

interface Line {
  readonly line?: string;
  readonly time?: string;
  readonly cursor?: string;
  readonly reason?: string;
}

describe.skipIf(missing !== undefined)(title, () => {
  let suite: TrainingSuite;
  let service: ServiceFixture;
  let jobs: TrainingJobs;
  beforeAll(async () => {
    suite = await TrainingSuite.start(inject('kubeconfigPath'), backend);
    ({ service, jobs } = suite);
  });
  afterAll(() => suite?.close());

  async function* read(id: string, query: string): AsyncGenerator<Line> {
    const response = await fetch(`${service.fleet.urls[0]}/train/${id}/logs${query}`, {
      headers: { accept: 'application/x-ndjson' },
    });
    expect(response.status).toBe(200);
    let rest = '';
    for await (const chunk of response.body as ReadableStream<Uint8Array>) {
      const lines = (rest + Buffer.from(chunk).toString()).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') yield JSON.parse(line);
    }
  }

  it('is followed from before it begins, as the account of the manifests, until its job has ended', async () => {
    const job = await jobs.submit(ENDLESS);
    const seen: Line[] = [];
    for await (const line of read(job.id, '?follow=true')) {
      seen.push(line);
      // It trains: what it wrote by now is there at once for another reader, too.
      if (seen.length === 5) {
        const again: Line[] = [];
        for await (const each of read(job.id, `?since=${seen[1]?.cursor}`)) again.push(each);
        expect(again.slice(0, 3)).toEqual(seen.slice(2));
        expect(again.at(-1)).toMatchObject({ end: true, reason: 'LOG_READ' });
        await service.cancel(job.id);
      }
    }
    expect(seen.length).toBeGreaterThan(5);
    expect(seen[0]).toMatchObject({ node: 0, attempt: 1, time: expect.stringMatching(/^\d{4}-/) });
    expect(seen.at(-1)).toMatchObject({ end: true, reason: 'JOB_ENDED' });
  });

  it('is read whole once its job has ended', async () => {
    const job = await jobs.submit();
    const pod = await jobs.untilPod(job);
    await jobs.untilSucceeded(job, 4);
    const lines: Line[] = [];
    for await (const line of read(job.id, '')) lines.push(line);
    const log = (await jobs.logOf(pod)).trimEnd().split('\n');
    expect(lines.slice(0, -1).map(({ line }) => line)).toEqual(log);
    expect(lines.at(-1)).toMatchObject({ end: true, reason: 'JOB_ENDED' });
  });
});
