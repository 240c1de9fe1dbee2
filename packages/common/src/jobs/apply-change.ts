import { writeAttachments } from './attachment.ts';
import { appendEvents } from './history.ts';
import type { JobRecord } from './job.ts';
import type { RecordChange } from './job-store.ts';
import { appendPhase } from './phase-history.ts';
import { toEvents } from './record-events.ts';

export interface AppliedChange {
  /** The record's own fields that are other than before, without its version. */
  readonly fields: Partial<JobRecord>;
  /** What to keep beside the record, as JSON: what the change brings, and the events that it is. */
  readonly attachments: Readonly<Record<string, string>>;
}

/** What a change makes of a record, for a store that keeps records whole; plan and callback are its own to write. Pure. */
export function applyChange(record: JobRecord, change: RecordChange): AppliedChange {
  const {
    prepared,
    attachments,
    callback: _callback,
    by: _by,
    atMs: _atMs,
    rerun: _rerun,
    ...changed
  } = change;
  const planRevision = record.planRevision + (prepared === undefined ? 0 : 1);
  const { history, slots } = appendEvents(record.history, toEvents(record, change));
  const phases = appendPhase(record, change);
  return {
    fields: { ...changed, planRevision, history, ...(phases !== undefined && { phases }) },
    attachments: attachments === undefined ? slots : { ...writeAttachments(attachments), ...slots },
  };
}
