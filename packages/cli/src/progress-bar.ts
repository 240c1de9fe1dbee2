import type { Job } from '@trainer/client';
import type { Output } from './cli-context.ts';
import { printable } from './printable.ts';
import { toProgressText, toStatusText } from './table.ts';

const BAR_WIDTH = 24;
const CLEAR_LINE = '\r\u001b[2K';

export interface ProgressBar {
  show(job: Job): void;
  /** Harmless when repeated. */
  end(): void;
}

/** One line that changes, on a terminal; elsewhere a line for each change. */
export function createProgressBar(terminal: Output): ProgressBar {
  if (!terminal.isTTY) {
    return { show: (job) => terminal.write(`${describe(job)}\n`), end: () => {} };
  }
  let isShown = false;
  return {
    show: (job) => {
      const line = `${draw(job)}  ${describe(job)}`;
      terminal.write(CLEAR_LINE + line.slice(0, (terminal.columns ?? 80) - 1));
      isShown = true;
    },
    end: () => {
      if (isShown) terminal.write(CLEAR_LINE);
      isShown = false;
    },
  };
}

function draw({ progress }: Job): string {
  const percentage = Math.min(100, Math.max(0, progress?.percentage ?? 0));
  const done = Math.floor((percentage / 100) * BAR_WIDTH);
  return `[${'#'.repeat(done)}${'.'.repeat(BAR_WIDTH - done)}]`;
}

function describe(job: Job): string {
  const text = `${toStatusText(job)}: ${toProgressText(job) ?? job.detail}`;
  return printable(text).replaceAll(/\s+/g, ' ');
}
