import type { Job } from '@trainer/client';
import { toNextId } from '@trainer/client/next-id';
import { useId, useRef } from 'preact/hooks';
import { type TrainerService, toJobPath } from '../api/trainer-service.ts';
import { useAskingDialog } from '../parts/use-asking-dialog.ts';
import { toJobHash } from '../route.ts';

interface RerunButtonProps {
  readonly service: TrainerService;
  readonly job: Job;
}

/** Runs an ended job again as a new one, which is shown then; nobody is called back about that one. */
export function RerunButton({ service, job }: RerunButtonProps) {
  const { dialog, isBusy, failure, ask, open, close } = useAskingDialog();
  const field = useRef<HTMLInputElement>(null);
  const [titleId, fieldId] = [useId(), useId()];
  const rerun = async (from: 'checkpoint' | 'start') => {
    if (field.current?.reportValidity() === false) return;
    await ask(async () => {
      const path = toJobPath(job.job_id, '/rerun');
      const body = { job_id: field.current?.value ?? '', from };
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
        <p>
          <label for={fieldId}>Id of the new job</label>{' '}
          <input id={fieldId} ref={field} defaultValue={toNextId(job.job_id)} required />
        </p>
        <p class="muted">Callbacks are not taken over: nobody is told about the new job.</p>
        <p class="bad" role="alert">
          {failure}
        </p>
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
