import type { Job } from '@trainer/client';
import { toNextId } from '@trainer/client/next-id';
import { useId, useRef } from 'preact/hooks';
import { type TrainerService, toJobPath } from '../api/trainer-service.ts';
import { useAskingDialog } from '../parts/use-asking-dialog.ts';
import { toJobHash } from '../route.ts';
import { parseChanges } from './rerun-changes.ts';
import { RerunFields } from './rerun-fields.tsx';

interface RerunButtonProps {
  readonly service: TrainerService;
  readonly job: Job;
}

/** Runs an ended job again as a new one, as it was or with changes; that one is shown then. */
export function RerunButton({ service, job }: RerunButtonProps) {
  const { dialog, isBusy, violations, ask, refuse, open, close } = useAskingDialog();
  const id = useRef<HTMLInputElement>(null);
  const changes = useRef<HTMLTextAreaElement>(null);
  const titleId = useId();
  const rerun = async (from: 'checkpoint' | 'start') => {
    if (id.current?.reportValidity() === false) return;
    const parsed = parseChanges(changes.current?.value ?? '');
    if ('violation' in parsed) {
      refuse(parsed.violation);
      changes.current?.focus();
      return;
    }
    await ask(async () => {
      const path = toJobPath(job.job_id, '/rerun');
      const body = { job_id: id.current?.value ?? '', from, ...parsed };
      const child = await service.ask<Job>(path, { method: 'POST', body });
      return () => {
        location.hash = toJobHash(service.name, child.job_id);
      };
    });
  };
  return (
    <>
      <button type="button" onClick={open}>
        Run again…
      </button>
      <dialog ref={dialog} aria-labelledby={titleId}>
        <h2 id={titleId}>Run {job.job_id} again?</h2>
        <p>A new job is made of the same request. This one stays as it is.</p>
        <RerunFields proposedId={toNextId(job.job_id)} {...{ id, changes, violations }} />
        <div class="actions">
          <button type="button" onClick={close}>
            Not now
          </button>
          <button
            type="button"
            disabled={isBusy || job.checkpoints.length === 0}
            onClick={() => void rerun('checkpoint')}
          >
            From the last checkpoint
          </button>
          <button
            type="button"
            class="primary"
            disabled={isBusy}
            onClick={() => void rerun('start')}
          >
            From the start
          </button>
        </div>
      </dialog>
    </>
  );
}
