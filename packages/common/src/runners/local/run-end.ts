import { toOneLine } from '../../jobs/outside-text.ts';
import type { Reason } from '../../jobs/reasons.ts';
import { parseTerminationLine } from '../../jobs/termination-line.ts';
import type { JobStatus } from '../../requests/job-status.ts';
import type { RunExit } from './run-folder.ts';

export interface RunEnd {
  readonly status: JobStatus;
  readonly reason: Reason;
  readonly detail: string;
  /** See Observation. */
  readonly lastWords?: string | undefined;
  /** See Observation. */
  readonly resultText?: string | undefined;
}

/** What else is known of an end. */
export interface EndWords {
  /** Of the termination file. */
  readonly termination: string;
  readonly logTail: string;
  readonly deadlineSeconds: number | undefined;
}

/** How a run ended, for people. Pure. */
export function toRunEnd(exit: RunExit, words: EndWords): RunEnd {
  if (exit.code === 0) {
    const detail = 'Training completed';
    return { status: 'succeeded', reason: 'COMPLETED', detail, resultText: words.termination };
  }
  const { reason, detail, lastWords } = explain(exit, words);
  return { status: 'failed', reason, detail: toOneLine(detail), lastWords };
}

function explain(
  { code, signal, cause, message = '' }: RunExit,
  { termination, logTail, deadlineSeconds }: EndWords,
): Omit<RunEnd, 'status'> {
  switch (cause) {
    case 'deadline':
      return {
        reason: 'DEADLINE_EXCEEDED',
        detail: `Its time limit of ${deadlineSeconds} seconds was reached while it was training`,
      };
    case 'unstartable':
      return {
        reason: 'ENGINE_UNAVAILABLE',
        detail: `The Python of TRAINER_LOCAL_PYTHON cannot be started (${message})`,
      };
    case 'refused':
      return { reason: 'CONFIG_INVALID', detail: message };
    case 'lost':
      return { reason: 'TRAINING_FAILED', detail: message };
  }
  const line = parseTerminationLine(termination);
  const how = signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
  return {
    reason: line?.reason ?? 'TRAINING_FAILED',
    detail: `The training ${how}`,
    lastWords: line?.sentence ?? logTail,
  };
}
