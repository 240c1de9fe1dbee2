import { z } from 'zod';
import { type TrainingResponse, TrainingResponseSchema } from '../../requests/training-response.ts';

const Summary = z.compile(
  TrainingResponseSchema.omit({ metadata: true, phases: true, progress: true }),
);
const Progress = z.compile(TrainingResponseSchema.shape.progress);

const json = JSON.stringify;

/** A TrainingResponse in pieces of its JSON, of which all but the progress mostly stay the same. */
export interface TrainingText {
  /** Up to the progress. */
  readonly head: string;
  readonly progress: TrainingResponse['progress'];
  /** From the progress to the metadata. */
  readonly tail: string;
  readonly metadata: string;
}

/** What stands around progress and metadata; `phases` is JSON already. */
export type SummaryToWrite = Omit<TrainingResponse, 'metadata' | 'phases' | 'progress'> & {
  readonly phases: string;
};

/**
 * The JSON around progress and metadata.
 * @throws ZodError when it is not as the schema says.
 */
export function writeSummary({
  phases,
  ...summary
}: SummaryToWrite): Pick<TrainingText, 'head' | 'tail'> {
  const checked = Summary.parse(summary);
  const staleSince =
    checked.stale_since === undefined ? '' : `"stale_since":${json(checked.stale_since)},`;
  const links = checked.links === undefined ? '' : `"links":${json(checked.links)},`;
  return {
    head:
      `{"job_id":${json(checked.job_id)},"backend_job_id":${json(checked.backend_job_id)},` +
      `"status":${json(checked.status)},"reason":${json(checked.reason)},` +
      `"detail":${json(checked.detail)},"revision":${checked.revision},"progress":`,
    tail:
      `,"phase":${json(checked.phase)},"phases":${phases},` +
      `"checkpoints":${json(checked.checkpoints)},` +
      `"result":${json(checked.result)},` +
      `"rerun_of":${json(checked.rerun_of)},"reruns":${json(checked.reruns)},` +
      `"timestamps":${json(checked.timestamps)},"dashboard_url":${json(checked.dashboard_url)},` +
      `${links}${staleSince}"metadata":`,
  };
}

/**
 * The JSON of a TrainingResponse; a route's serializer.
 * @throws ZodError when its progress is not as the schema says.
 */
export function writeTrainingText({ head, progress, tail, metadata }: TrainingText): string {
  return `${head}${json(Progress.parse(progress))}${tail}${metadata}}`;
}
