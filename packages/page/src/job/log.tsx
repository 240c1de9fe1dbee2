import type { Job } from '@trainer/client';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { TrainerService } from '../api/trainer-service.ts';
import { formatCount } from '../format/number.ts';
import { ReadingNotice } from '../parts/reading-notice.tsx';
import { describeEnd } from './log-text.ts';
import { useLog } from './use-log.ts';

interface LogProps {
  readonly service: TrainerService;
  readonly job: Job;
}

/** What a job writes, as it writes it, while somebody has it open. */
export function Log({ service, job }: LogProps) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details class="json" onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>Log</summary>
      {isOpen && <Lines service={service} job={job} />}
    </details>
  );
}

function Lines({ service, job }: LogProps) {
  const { text, error, retry } = useLog(service, job.job_id);
  const { lines, droppedCount, end } = text;
  const reading = { value: undefined, readAtMs: undefined, error, refresh: async () => retry() };
  const pre = useStickToEnd(lines);
  return (
    <>
      <ReadingNotice service={service} reading={reading} />
      <section class="scroll" aria-label="Log">
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, which the keyboard must reach. */}
        <pre ref={pre} tabIndex={0}>
          {droppedCount > 0 && `${formatCount(droppedCount)} older lines are not shown\n`}
          {lines.length === 0 && end === undefined ? 'Nothing was written yet.' : lines.join('\n')}
        </pre>
      </section>
      {end !== undefined && (
        <p class="muted">
          {describeEnd(end)}
          {end.archive !== null && (
            <>
              {' '}
              The whole log: <code>{end.archive}</code>
            </>
          )}
        </p>
      )}
    </>
  );
}

/** Shows the newest line, unless somebody has scrolled away from it. */
function useStickToEnd(lines: readonly string[]) {
  const pre = useRef<HTMLPreElement>(null);
  const isAtEnd = useRef(true);
  useLayoutEffect(() => {
    const box = pre.current;
    if (box === null) return;
    const onScroll = () => {
      isAtEnd.current = box.scrollHeight - box.scrollTop - box.clientHeight < 4;
    };
    box.addEventListener('scroll', onScroll);
    return () => box.removeEventListener('scroll', onScroll);
  }, []);
  useLayoutEffect(() => {
    if (isAtEnd.current && pre.current !== null) pre.current.scrollTop = pre.current.scrollHeight;
  }, [lines]);
  return pre;
}
