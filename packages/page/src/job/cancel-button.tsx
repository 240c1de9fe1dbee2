import { useId } from 'preact/hooks';
import { type TrainerService, toJobPath } from '../api/trainer-service.ts';
import { useAskingDialog } from '../parts/use-asking-dialog.ts';
import { Violations } from '../parts/violations.tsx';

interface CancelButtonProps {
  readonly service: TrainerService;
  readonly jobId: string;
  readonly onChange: () => Promise<void>;
}

/** Cancels a job once that is confirmed, with a checkpoint where the training takes orders. */
export function CancelButton({ service, jobId, onChange }: CancelButtonProps) {
  const { dialog, isBusy, violations, ask, open, close } = useAskingDialog();
  const titleId = useId();
  const cancel = (save: boolean) =>
    ask(async () => {
      const path = toJobPath(jobId, save ? '/cancel?save=true' : '/cancel');
      await service.ask(path, { method: 'POST' });
      return onChange;
    });
  return (
    <>
      <button type="button" class="danger" onClick={open}>
        Cancel job…
      </button>
      <dialog ref={dialog} aria-labelledby={titleId}>
        <h2 id={titleId}>Cancel {jobId}?</h2>
        <p>It ends as cancelled at once, and nothing brings it back to life.</p>
        <p class="muted">
          With a checkpoint, the training is asked to save one before it is ended. It appears among
          the checkpoints of this job.
        </p>
        <Violations of={violations} />
        <div class="actions">
          <button type="button" onClick={close}>
            Keep it
          </button>
          <button type="button" disabled={isBusy} onClick={() => void cancel(true)}>
            Save a checkpoint, then cancel
          </button>
          <button type="button" class="danger" disabled={isBusy} onClick={() => void cancel(false)}>
            Cancel job
          </button>
        </div>
      </dialog>
    </>
  );
}
