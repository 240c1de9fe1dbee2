import type { Violation } from '../api/service-error.ts';

interface ViolationsProps {
  readonly id?: string;
  readonly of: readonly Violation[];
}

/** Why something was not done, a sentence each, told to a screen reader at once. */
export function Violations({ id, of }: ViolationsProps) {
  return (
    <div id={id} class="bad" role="alert">
      {of.map(({ path, message }) => (
        <p key={path + message}>{message}</p>
      ))}
    </div>
  );
}

/** Whether one of them is about this part of a request, or about something in it. */
export function isAbout(violations: readonly Violation[], part: string): boolean {
  return violations.some(({ path }) => path === part || path.startsWith(`${part}.`));
}
