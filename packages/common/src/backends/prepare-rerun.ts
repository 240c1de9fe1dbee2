import type { Config } from '../config.ts';
import type { RerunSource } from '../controller/reruns.ts';
import type { Submission } from '../controller/submitter.ts';
import { errors, type Violation } from '../errors.ts';
import type { JobRecord, RerunOrigin } from '../jobs/job.ts';
import { type PatchedRequest, patchRequest } from '../requests/patch-request.ts';
import type { ParsedRerun } from '../requests/rerun.ts';
import type { BaseTrainerBackend } from './base-trainer-backend.ts';
import type { Rule } from './rules.ts';

export interface PrepareRerunParts {
  readonly backend: BaseTrainerBackend;
  readonly config: Config;
  readonly furtherRules: readonly Rule[];
}

/** More of them help nobody. */
const MAX_NAMED = 5;

/**
 * Turns what is asked of an ended job into a new one that may be submitted.
 * @throws TrainerError INVALID_REQUEST with all that is wrong; RERUN_REFUSED with what was deleted
 *   and has to be given again; PAYLOAD_TOO_LARGE
 */
export function prepareRerun(
  { backend, config, furtherRules }: PrepareRerunParts,
  { record, request: kept, refusal }: RerunSource,
  asked: ParsedRerun,
  origin: RerunOrigin | undefined,
): Submission {
  const { jobId = record.id, from, changes } = asked;
  const isAsked = asked.violations.length === 0;
  if (isAsked && refusal !== undefined) throw refusal;
  if (kept === undefined) throw errors.invalid(asked.violations);
  const toResumeFrom = (isSameOutput: boolean) => toCheckpoint(record, isSameOutput);
  const patched = patchRequest(
    kept,
    changes,
    { jobId, toResumeFrom: from === 'checkpoint' ? toResumeFrom : undefined },
    backend.format,
  );
  const found = [...asked.violations, ...describeRedacted(patched), ...describeStored(patched)];
  if (patched.body === undefined) {
    throw found.length > 0
      ? errors.invalid(found)
      : errors.storedCredentialsGone(record.id, patched.stored);
  }
  const { violations, toSubmission } = backend.examine(patched.body, config, furtherRules);
  const inChanges = violations.map(({ path, message }) => ({
    path: path === '' ? 'changes' : `changes.${path}`,
    message,
  }));
  const all = [...found, ...inChanges];
  if (all.length > 0 || toSubmission === undefined || origin === undefined) {
    throw errors.invalid(all);
  }
  const submission = toSubmission();
  const warnings = [...submission.warnings, ...describeCallbacks(record, submission)];
  return { ...submission, warnings, rerunOf: origin };
}

/** Beside the results of the job before it the id says enough, and has what cannot fit told at once. */
function toCheckpoint({ id, reported }: JobRecord, isSameOutput: boolean): string {
  const last = reported?.checkpoints.at(-1)?.uri;
  return isSameOutput || last === undefined ? id : last;
}

function describeRedacted({ redacted }: PatchedRequest): Violation[] {
  return redacted.map((path) => ({
    path: `changes.${path}`,
    message: `changes.${path} holds [redacted], which stands for a value that is not shown: give the value, or leave the field out to keep the stored one.`,
  }));
}

function describeStored({ stored, touched }: PatchedRequest): Violation[] {
  if (touched.length === 0) return [];
  const named = touched.slice(0, MAX_NAMED).join(', ');
  const more = touched.length > MAX_NAMED ? ' and more' : '';
  return stored.map((path) => ({
    path: `changes.${path}`,
    message: `changes.${path} is required, since stored credentials are not taken over where ${named}${more} is changed.`,
  }));
}

/** They name the job before it, whose end a child's state would overwrite at their receiver. */
function describeCallbacks({ id, hasWebhook }: JobRecord, { callback }: Submission): string[] {
  if (!hasWebhook || callback !== undefined) return [];
  return [
    `This job sends no callbacks: those of job ${id} are never taken over, and changes.callbacks sets none`,
  ];
}
