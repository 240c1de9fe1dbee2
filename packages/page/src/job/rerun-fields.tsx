import type { RefObject } from 'preact';
import { useId } from 'preact/hooks';
import type { Violation } from '../api/service-error.ts';
import { isAbout, Violations } from '../parts/violations.tsx';
import { CHANGES_EXAMPLE } from './rerun-changes.ts';

interface RerunFieldsProps {
  readonly proposedId: string;
  readonly id: RefObject<HTMLInputElement | null>;
  readonly changes: RefObject<HTMLTextAreaElement | null>;
  readonly violations: readonly Violation[];
}

/** What a new job is called and what is other than in the job before it, with what is wrong about that. */
export function RerunFields({ proposedId, id, changes, violations }: RerunFieldsProps) {
  const [idField, changesField, hint, alert] = [useId(), useId(), useId(), useId()];
  return (
    <>
      <div class="field">
        <label for={idField}>Id of the new job</label>
        <input
          id={idField}
          ref={id}
          defaultValue={proposedId}
          required
          autocomplete="off"
          spellcheck={false}
          aria-invalid={isAbout(violations, 'job_id')}
          aria-describedby={alert}
        />
      </div>
      <div class="field">
        <label for={changesField}>Changes, if any</label>
        <textarea
          id={changesField}
          ref={changes}
          rows={4}
          autocomplete="off"
          spellcheck={false}
          aria-invalid={isAbout(violations, 'changes')}
          aria-describedby={`${alert} ${hint}`}
        />
        <Violations id={alert} of={violations} />
        <p id={hint} class="muted">
          A JSON merge patch of the request, such as <code>{CHANGES_EXAMPLE}</code>: what is not
          there stays, null takes a part away. Callbacks are never taken over. Give them here as{' '}
          <code>{'{"callbacks": {"webhook_url": "https://…"}}'}</code>, else nobody is told about
          the new job.
        </p>
      </div>
    </>
  );
}
