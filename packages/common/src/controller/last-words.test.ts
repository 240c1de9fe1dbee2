import { beforeEach, describe, expect, it } from 'vitest';
import { makeSeen } from '../../test/builders.ts';
import { makeDraft, makePayload } from '../../test/make-draft.ts';
import type { JobRecord } from '../jobs/job.ts';
import { MemoryJobStore } from '../jobs/memory-job-store.ts';
import { LastWords } from './last-words.ts';
import { toObservedEnd } from './terminal-states.ts';

const SECRETS = {
  HF_TOKEN: 'hf_0123456789',
  AWS_SECRET_ACCESS_KEY: 'abc/def+ghi',
  MODE: 'offline',
};

let store: MemoryJobStore;
let record: JobRecord;

beforeEach(async () => {
  store = new MemoryJobStore();
  const created = await store.create(makeDraft('job-1'), makePayload({ secrets: SECRETS }));
  if (created.outcome !== 'created') throw new Error(created.outcome);
  record = created.record;
});

/** The detail that a failed run with these last words leaves. */
async function quote(
  lastWords: string | undefined,
  readSharedSecrets?: () => Promise<readonly string[] | undefined>,
): Promise<string> {
  const failed = { status: 'failed', reason: 'POD_FAILED', detail: 'It failed' } as const;
  const seen = makeSeen({ recordUid: record.uid, ...failed, lastWords });
  const state = toObservedEnd(record, seen, 0);
  const words = new LastWords({ store, readSharedSecrets });
  return (await words.quote(record, state, seen)).detail;
}

describe('LastWords', () => {
  it('adds the last lines without the credentials of the job', async () => {
    const words =
      'begin\n\nexport HF_TOKEN=hf_0123456789\nkey abc%2Fdef%2Bghi\n  loss is nan (offline)\n';
    expect(await quote(words)).toBe(
      'It failed: export HF_TOKEN=[redacted] / key [redacted] / loss is nan (offline)',
    );
  });

  it('masks before it cuts, so that no part of a credential is left', async () => {
    const words = `${'x'.repeat(476)} hf_0123456789`;
    expect(await quote(words)).not.toMatch(/hf_/);
    expect(await quote('3456789\nloss is nan')).toBe('It failed: [redacted] / loss is nan');
  });

  it("masks the operator's own credentials, too", async () => {
    const shared = async () => ['AKIA0123456789'];
    expect(await quote('found AKIA0123456789', shared)).toBe('It failed: found [redacted]');
  });

  it.each<[string, () => Promise<void>, (() => Promise<undefined>)?]>([
    ["the operator's credentials cannot be read", async () => {}, async () => undefined],
    [
      'the record is gone',
      async () => {
        await store.delete(record);
      },
    ],
  ])('quotes nothing when %s', async (_, prepare, shared) => {
    await prepare();
    expect(await quote('hf_0123456789', shared)).toBe('It failed');
  });

  it('adds nothing where nothing was said', async () => {
    expect(await quote(undefined)).toBe('It failed');
    expect(await quote(' \n')).toBe('It failed');
  });

  it('adds nothing to what another run or another state says', async () => {
    const words = new LastWords({ store });
    const seen = makeSeen({ recordUid: record.uid, lastWords: 'x' });
    expect(await words.quote(record, record.state, seen)).toBe(record.state);
    const other = makeSeen({ recordUid: 'other', lastWords: 'x' });
    const state = { ...record.state, reason: other.reason, detail: other.detail };
    expect(await words.quote(record, state, other)).toBe(state);
    for (const change of [{ reason: 'QUEUED' as const }, { detail: 'Something else' }]) {
      const differs = { ...state, ...change };
      expect(await words.quote(record, differs, seen)).toBe(differs);
    }
    expect(await words.quote(record, state, undefined)).toBe(state);
  });

  it('says when the credentials cannot be read now, so that it is tried again', async () => {
    store.readPayload = async () => {
      throw new Error('unreachable');
    };
    await expect(quote('hf_0123456789')).rejects.toThrow('unreachable');
  });
});
