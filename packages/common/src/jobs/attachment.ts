import type { EventSlot } from './history.ts';
import type { JsonObject } from './job.ts';

/**
 * What is kept of a job beside its record, each as JSON without credentials; only who asks for one
 * reads it. `result` is the whole of what `JobRecord.result` is the small form of, `metrics` a
 * curve of few points, `log-tails` how the logs of runs ended that did not succeed. The slots hold one event each of its history.
 */
export type Attachment = 'result' | 'metrics' | 'log-tails' | EventSlot;

/** Attachments as the texts that a store keeps. */
export function writeAttachments(
  values: Readonly<Partial<Record<Attachment, JsonObject>>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, JSON.stringify(value)]),
  );
}
