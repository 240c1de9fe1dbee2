import { toWords } from '../format/words.ts';
import { Icon, type IconName } from './icon.tsx';

const ICONS: Readonly<Record<string, IconName>> = {
  pending: 'waiting',
  delivered: 'done',
  gone: 'warning',
  expired: 'warning',
};

/** What became of a final callback, as icon and word; a dash where there is none. */
export function DeliveryState({ state }: { readonly state: string | null | undefined }) {
  if (!state) return <span class="muted">–</span>;
  return (
    <span class={`delivery delivery-${state}`}>
      <Icon name={ICONS[state] ?? 'waiting'} />
      {toWords(state)}
    </span>
  );
}
