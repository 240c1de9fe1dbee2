import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonPlanCodec } from '../../../test/json-plan-codec.ts';
import { makeDraft, makePayload, TEST_BACKEND } from '../../../test/make-draft.ts';
import {
  type Attempt,
  type JobDraft,
  type JobState,
  type KeptDelivery,
  SETTLEMENTS,
} from '../../jobs/job.ts';
import { toJobName } from '../../jobs/job-name.ts';
import { REASONS } from '../../jobs/reasons.ts';
import type { Reported } from '../../jobs/reported.ts';
import { MAX_COMPACT_BYTES } from '../../jobs/result.ts';
import { JOB_STATUSES } from '../../requests/job-status.ts';
import { REPORTED_PHASES } from '../../requests/report.ts';
import { parseRecord, type SecretMetadata } from './parse-record.ts';
import { toAnnotationPatch, toAnnotations, toLabels } from './record-annotations.ts';
import { credentialKeys, parseData, type SecretData, toData } from './secret-payload.ts';

const toRecord = (secret: SecretMetadata, backend: string) => parseRecord(secret, backend)?.record;

const plain = { noNullPrototype: true } as const;
const time = fc.integer({ min: 0, max: 8.64e15 });
const optionalTime = fc.option(time, { nil: undefined });
const text = fc.string({ unit: 'binary', maxLength: 40 });
const jobId = fc.stringMatching(/^[A-Za-z0-9._:-]{1,128}$/);

const state: fc.Arbitrary<JobState> = fc.record(
  {
    status: fc.constantFrom(...JOB_STATUSES),
    reason: fc.constantFrom(...REASONS),
    detail: text,
    observedAtMs: time,
    startedAtMs: optionalTime,
    endedAtMs: optionalTime,
  },
  plain,
);
const attempt: fc.Arbitrary<Attempt> = fc.record(
  {
    atMs: time,
    durationMs: fc.double({ min: 0, max: 1e5, noNaN: true }).map((value) => value + 0),
    status: fc.option(fc.integer({ min: 100, max: 599 }), { nil: undefined }),
    error: fc.option(text, { nil: undefined }),
    isUpdate: fc.constant(true as const),
  },
  { ...plain, requiredKeys: ['atMs', 'durationMs', 'status', 'error'] },
);
const delivery: fc.Arbitrary<KeptDelivery> = fc.record(
  {
    settled: fc.option(fc.constantFrom(...SETTLEMENTS), { nil: undefined }),
    attempts: fc.array(attempt, { maxLength: 8 }),
    attemptCount: fc.nat(),
    nextAttemptAtMs: optionalTime,
    replayedAtMs: optionalTime,
    repeatAtMs: optionalTime,
  },
  plain,
);
const hash = fc.stringMatching(/^[A-Za-z0-9_-]{43}$/);
const reported: fc.Arbitrary<Reported> = fc.record(
  {
    attempt: fc.integer({ min: 1, max: 1e6 }),
    counted: fc.integer({ min: 1, max: 1e6 }),
    runStartedAt: fc.nat(),
    phase: fc.option(fc.constantFrom(...REPORTED_PHASES), { nil: undefined }),
    checkpoints: fc.array(
      fc.record({ step: fc.nat(), uri: text, savedAtMs: optionalTime }, plain),
      { maxLength: 2 },
    ),
    warnings: fc.array(text, { maxLength: 2 }),
  },
  { ...plain, requiredKeys: ['attempt', 'phase', 'checkpoints', 'warnings'] },
);
const result = fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.string({ maxLength: 40 }), {
  noNullPrototype: true,
});
const traits = fc.record(
  {
    model: text,
    method: text,
    provider: text,
    gpus: fc.nat(),
    labels: fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), text, { noNullPrototype: true }),
  },
  plain,
);
const draft: fc.Arbitrary<JobDraft> = fc
  .record({
    id: jobId,
    fingerprint: fc.stringMatching(/^[A-Za-z0-9_-]{43}$/),
    fingerprint2: fc.option(fc.stringMatching(/^[A-Za-z0-9_-]{43}$/), { nil: undefined }),
    createdAtMs: time,
    warnings: fc.array(text, { maxLength: 5 }),
    hasWebhook: fc.boolean(),
    webhookOrigin: fc.option(fc.webUrl(), { nil: undefined }),
    runId: fc.option(fc.uuid(), { nil: undefined }),
    state,
    delivery,
    areCredentialsGone: fc.boolean(),
  })
  .chain((parts) =>
    fc
      .record(
        { reportTokenHash: hash, reported, result, stopAtMs: time, traits },
        { ...plain, requiredKeys: [] },
      )
      .map((more) => makeDraft(parts.id, { ...parts, ...more })),
  );

/** What the API server makes of a new Secret. */
function toStored(job: JobDraft, annotations: object = toAnnotations(job)) {
  const metadata = { name: job.name, uid: 'uid-1', resourceVersion: '7', labels: toLabels(job) };
  return { metadata: { ...metadata, annotations: annotations as Record<string, string> } };
}

/** A merge patch as the API server applies it. */
function patch(annotations: object, changes: object): object {
  const merged = Object.entries({ ...annotations, ...changes });
  return Object.fromEntries(merged.filter(([, value]) => value !== null));
}

function bytes(annotations: object): number {
  const lengths = Object.entries(annotations).map(([key, value]) => {
    return Buffer.byteLength(key) + Buffer.byteLength(value);
  });
  return lengths.reduce((sum, length) => sum + length, 0);
}

describe('a record in annotations', () => {
  it('comes back exactly', () => {
    fc.assert(
      fc.property(draft, (job) => {
        const record = toRecord(toStored(job), TEST_BACKEND);
        expect(record).toStrictEqual({ ...job, uid: 'uid-1', version: '7' });
      }),
    );
  });

  it('comes back exactly after a change of any parts', () => {
    fc.assert(
      fc.property(draft, draft, (before, after) => {
        const { runId, areCredentialsGone } = after;
        const change = { runId, areCredentialsGone, state: after.state, delivery: after.delivery };
        const annotations = patch(toAnnotations(before), toAnnotationPatch(change, before));
        expect(toRecord(toStored(before, annotations), TEST_BACKEND)).toMatchObject({
          ...before,
          ...change,
        });
      }),
    );
  });

  it('changes only the annotations of what changes', () => {
    const current = { planRevision: 0 };
    expect(Object.keys(toAnnotationPatch({ runId: 'x' }, current))).toEqual([
      'trainer.deepfinery/run-id',
    ]);
    expect(toAnnotationPatch({ runId: undefined }, current)).toEqual({
      'trainer.deepfinery/run-id': null,
    });
    expect(toAnnotationPatch({}, current)).toEqual({});
  });

  it('fits 12 KiB, and what it keeps of its delivery 4, however much there is to say', () => {
    const long = fc.string({ unit: 'binary', minLength: 1, maxLength: 2000 });
    fc.assert(
      fc.property(long, fc.nat({ max: 200 }), (word, count) => {
        const many = Array.from({ length: count + 1 }, () => word.repeat(20));
        const job = makeDraft('job', {
          warnings: many,
          webhookOrigin: `https://${word}`,
          reportTokenHash: 'a'.repeat(43),
          traits: {
            ...{ model: 'm'.repeat(254), method: 'adapter', provider: 'huggingface' },
            gpus: 100_000,
            labels: { label: 'v'.repeat(1024 - 12) },
          },
          rerunOf: { jobId: 'j'.repeat(128), from: 'checkpoint', fingerprint: 'f'.repeat(43) },
          result: { model_uri: 'm'.repeat(MAX_COMPACT_BYTES - 16) },
          phases: Array.from({ length: 16 }, () => 'downloading/initializer/mif2x0k1').join(';'),
          reported: {
            attempt: 1_000_000,
            phase: 'downloading',
            checkpoints: many.map((uri) => ({
              step: 1e12,
              uri: uri.slice(0, 512),
              savedAtMs: 8e15,
            })),
            warnings: many.map((text) => text.slice(0, 500)),
          },
          state: { ...makeDraft('job').state, detail: word.repeat(50) },
          delivery: {
            ...makeDraft('job').delivery,
            attempts: many.map((error) => ({ atMs: 1, durationMs: 2, status: undefined, error })),
          },
        });
        const annotations = toAnnotations(job);
        expect(bytes(annotations)).toBeLessThanOrEqual(12 * 1024);
        const log = annotations['trainer.deepfinery/delivery'] ?? '';
        expect(Buffer.byteLength(log)).toBeLessThanOrEqual(4096);
        const record = toRecord(toStored(job), TEST_BACKEND);
        expect(record?.warnings.length).toBeGreaterThan(0);
        expect(record?.delivery.attempts.length).toBeGreaterThan(0);
      }),
      { numRuns: 100 },
    );
  });

  it('knows nothing of its request where an earlier version wrote it, or what cannot be read', () => {
    const made = { model: 'm', method: 'lora', provider: 'meta', gpus: 1, labels: {} };
    const job = makeDraft('job', { traits: made });
    const { 'trainer.deepfinery/traits': written, ...earlier } = toAnnotations(job);
    expect(JSON.parse(written ?? '')).toEqual(made);
    expect(toRecord(toStored(job, earlier), TEST_BACKEND)).not.toHaveProperty('traits');
    const odd = { ...earlier, 'trainer.deepfinery/traits': '{"gpus":"many"}' };
    const record = toRecord(toStored(job, odd), TEST_BACKEND);
    expect(record).not.toHaveProperty('traits');
    expect(record).not.toHaveProperty('unreadable');
  });

  it('is no rerun where an earlier version wrote it, or what cannot be read', () => {
    const rerunOf = { jobId: 'job', from: 'start', fingerprint: 'f'.repeat(43) } as const;
    const job = makeDraft('job-r2', { rerunOf });
    const { 'trainer.deepfinery/rerun-of': written, ...earlier } = toAnnotations(job);
    expect(JSON.parse(written ?? '')).toEqual(rerunOf);
    expect(toRecord(toStored(job), TEST_BACKEND)?.rerunOf).toEqual(rerunOf);
    const odd = { ...earlier, 'trainer.deepfinery/rerun-of': '{"jobId":7}' };
    for (const annotations of [earlier, odd]) {
      const record = toRecord(toStored(job, annotations), TEST_BACKEND);
      expect(record).not.toHaveProperty('rerunOf');
      expect(record).not.toHaveProperty('unreadable');
    }
  });

  it('comes back without the origin of its webhook where an earlier version wrote it', () => {
    const { 'trainer.deepfinery/webhook-origin': origin, ...earlier } = toAnnotations(
      makeDraft('job', { webhookOrigin: 'https://hook.test:8443' }),
    );
    expect(origin).toBe('https://hook.test:8443');
    const record = toRecord(toStored(makeDraft('job'), earlier), TEST_BACKEND);
    expect(record).toMatchObject({ hasWebhook: true, webhookOrigin: undefined });
  });

  it('keeps the newest attempts and the first warnings', () => {
    const attempts = Array.from({ length: 100 }, (_, index) => {
      return { atMs: index, durationMs: 1, status: 500, error: 'x'.repeat(100) };
    });
    const warnings = Array.from({ length: 100 }, (_, index) => `${index} ${'x'.repeat(100)}`);
    const job = makeDraft('job', {
      warnings,
      delivery: { ...makeDraft('job').delivery, attempts },
    });
    const record = toRecord(toStored(job), TEST_BACKEND);
    expect(record?.delivery.attempts.at(-1)?.atMs).toBe(99);
    expect(record?.warnings[0]).toBe(warnings[0]);
    expect(record?.warnings.at(-1)).toBe('62 further warnings are left out');
  });

  it('is none of ours under another backend or another name', () => {
    const job = makeDraft('job');
    const stored = toStored(job);
    expect(toRecord(stored, 'nemo')).toBeUndefined();
    const renamed = { metadata: { ...stored.metadata, name: toJobName('meta', 'other') } };
    expect(toRecord(renamed, TEST_BACKEND)).toBeUndefined();
    expect(toRecord({ metadata: { name: job.name, uid: 'u', resourceVersion: '1' } }, 'meta')).toBe(
      undefined,
    );
  });

  it('keeps a reason that only a newer release knows', () => {
    const job = makeDraft('job');
    const future = { ...job.state, reason: 'EATEN_BY_A_GRUE' as JobState['reason'] };
    expect(toRecord(toStored(makeDraft('job', { state: future })), TEST_BACKEND)?.state).toEqual(
      future,
    );
  });
});

describe('a payload in data', () => {
  const envName = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.-]{0,40}$/);
  const wellFormed = fc.string({ unit: 'grapheme' });

  const parse = (data: SecretData) => parseData(data, jsonPlanCodec);

  it('comes back exactly, under any names that variables may have', () => {
    fc.assert(
      fc.property(
        fc.dictionary(envName, wellFormed),
        fc.jsonValue({ maxDepth: 2 }),
        fc.boolean(),
        (secrets, value, hasCallback) => {
          const callback = hasCallback ? makePayload().callback : undefined;
          const first = JSON.parse(JSON.stringify({ value }));
          const asked = { first, second: first };
          const payload = makePayload({ secrets: { ...secrets }, asked, callback });
          const { planned, unreadable, ...rest } = parse(toData(payload, jsonPlanCodec));
          expect({ ...planned, ...rest }).toEqual(payload);
          expect(unreadable).toEqual([]);
          expect(credentialKeys(toData(payload, jsonPlanCodec)).sort()).toEqual(
            Object.keys(secrets).sort(),
          );
        },
      ),
    );
  });

  it('keeps credentials under their names and never in what is remembered', () => {
    const secrets = { 'asked.json': 'one', 'callback.json': 'two', HF_TOKEN: 'three' };
    const data = toData(makePayload({ secrets }), jsonPlanCodec);
    expect(data).toMatchObject({ HF_TOKEN: Buffer.from('three').toString('base64') });
    for (const key of Object.keys(data)) expect(key).toMatch(/^[-._a-zA-Z0-9]+$/);
    expect(JSON.stringify(parse(data).planned)).not.toMatch(/one|two|three|hook/);
  });

  it('keeps what the request withholds where a version that does not know it purges it', () => {
    const data = toData(makePayload(), jsonPlanCodec);
    // As all versions before it chose what a purge deletes.
    const purged = Object.entries(data).filter(([key]) => key.startsWith('.'));
    const texts = purged.map(([, text]) => Buffer.from(text, 'base64').toString());
    expect(texts.join()).not.toMatch(/hf_secret|aws_secret/);
    const { request, unreadable } = parse(Object.fromEntries(purged));
    expect(unreadable).toEqual([]);
    const { values: _values, ...left } = makePayload().request ?? {};
    expect(request).toStrictEqual(left);
  });

  it.each([
    ['.asked.json', 'plan'],
    ['.plan.json', 'plan'],
    ['.callback.json', 'callback'],
  ])('without a readable %s lacks its %s alone', (key, part) => {
    const payload = makePayload();
    for (const text of ['{"hf_secret', '', '"text"']) {
      const data = { ...toData(payload, jsonPlanCodec), [key]: btoa(text) };
      const parsed = parse(data);
      if (text === '"text"' && part === 'plan') continue;
      expect(parsed.unreadable).toEqual([part]);
      expect(parsed.planned === undefined).toBe(part === 'plan');
      expect(parsed.callback === undefined).toBe(part === 'callback');
      expect(parsed.secrets).toEqual(payload.secrets);
    }
  });
});

describe('a record of which a part cannot be read', () => {
  const OWN = 'trainer.deepfinery/';
  const job = makeDraft('job', { runId: 'run' });
  const damage = (annotations: Record<string, string | null>) => {
    const metadata = { ...toStored(job, patch(toAnnotations(job), annotations)).metadata };
    const creationTimestamp = '2026-01-01T00:00:00Z';
    const parsed = parseRecord({ metadata: { ...metadata, creationTimestamp } }, TEST_BACKEND);
    if (parsed === undefined) throw new Error('it has vanished');
    return parsed;
  };

  it.each([
    ['state', '{"status":"lost"}'],
    ['state', 'x'],
    ['state', null],
    ['state', JSON.stringify({ ...job.state, observedAtMs: 1e300 })],
    ['delivery', '{"attempts":3}'],
    ['delivery', null],
    ['job-id', 'another'],
    ['job-id', null],
    ['format', '3'],
    ['format', 'x'],
  ])('is a job all the same (%s: %s), with a reason of its own', (part, text) => {
    const { record, unreadable } = damage({ [`${OWN}${part}`]: text });
    expect(unreadable).toEqual([part]);
    expect(record).toMatchObject({
      ...{ name: job.name, runId: 'run', unreadable: [part] },
      state: {
        ...{ status: 'submitted', reason: 'RECORD_UNREADABLE' },
        detail: `The record of this job cannot be read (${part}), so that it can only be cancelled`,
      },
    });
    expect(() => new Date(record.state.observedAtMs).toISOString()).not.toThrow();
  });

  it.each([
    ['created-at', 'yesterday', { createdAtMs: Date.UTC(2026, 0, 1) }],
    ['created-at', '1e300', { createdAtMs: Date.UTC(2026, 0, 1) }],
    ['created-at', null, { createdAtMs: Date.UTC(2026, 0, 1) }],
    ['warnings', '[1]', { warnings: [] }],
    ['plan-revision', '-1', { planRevision: 0 }],
    ['fingerprint', null, { fingerprint: '' }],
  ])('goes on where there is a substitute (%s: %s)', (part, text, substitute) => {
    const { record, unreadable } = damage({ [`${OWN}${part}`]: text });
    expect(unreadable).toEqual([part]);
    expect(record).toMatchObject({ ...substitute, state: job.state });
    expect(record).not.toHaveProperty('unreadable');
  });

  it('keeps an end that can be read, and tells a webhook of it again rather than never', () => {
    const ended = { ...job.state, status: 'failed', endedAtMs: 5 };
    const { record } = damage({
      [`${OWN}state`]: JSON.stringify(ended),
      [`${OWN}delivery`]: '[]',
    });
    expect(record.state).toMatchObject(ended);
    expect(record.delivery.settled).toBeUndefined();
    expect(
      damage({ [`${OWN}delivery`]: null, [`${OWN}webhook`]: 'false' }).record.delivery,
    ).toEqual({ ...record.delivery, settled: 'unwanted' });
  });
});
