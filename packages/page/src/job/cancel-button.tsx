import { useId, useRef, useState } from 'preact/hooks';
import { ServiceError } from '../api/service-error.ts';
import { type TrainerService, toJobPath } from '../api/trainer-service.ts';

interface CancelButtonProps {
  readonly service: TrainerService;
  readonly jobId: string;
  readonly onChange: () => Promise<void>;
}

/** Cancels a job once that is confirmed, with a checkpoint where the training takes orders. */
export function CancelButton({ service, jobId, onChange }: CancelButtonProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState('');
  const titleId = useId();
  const cancel = async (save: boolean) => {
    setBusy(true);
    setFailure('');
    try {
      const path = toJobPath(jobId, save ? '/cancel?save=true' : '/cancel');
      await service.ask(path, { method: 'POST' });
      dialog.current?.close();
      await onChange();
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      setFailure(error.message);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <button type="button" class="danger" onClick={() => dialog.current?.showModal()}>
        Cancel job…
      </button>
      <dialog ref={dialog} aria-labelledby={titleId}>
        <h2 id={titleId}>Cancel {jobId}?</h2>
        <p>It ends as cancelled at once, and nothing brings it back to life.</p>
        <p class="muted">
          With a checkpoint, the training is asked to save one before it is ended. It appears among
          the checkpoints of this job.
        </p>
        <p class="bad" role="alert">
          {failure}
        </p>
        <div class="actions">
          <button type="button" onClick={() => dialog.current?.close()}>
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
