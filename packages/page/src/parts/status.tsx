import { toWords } from '../format/words.ts';
import { Icon, type IconName } from './icon.tsx';

/** In the order of a job's life. */
export const STATUSES = ['submitted', 'running', 'succeeded', 'failed', 'cancelled'] as const;

const ICONS: Readonly<Record<string, IconName>> = {
  submitted: 'waiting',
  running: 'running',
  succeeded: 'done',
  failed: 'failed',
  cancelled: 'cancelled',
};

/** A status as icon and word, so that its colour says nothing on its own. */
export function Status({ status }: { readonly status: string }) {
  return (
    <span class={`status status-${status}`}>
      <Icon name={ICONS[status] ?? 'waiting'} />
      {toWords(status)}
    </span>
  );
}
