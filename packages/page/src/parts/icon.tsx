const PATHS = {
  waiting: 'M8 4.5V8l2.2 1.6',
  running: 'M6.4 5.2v5.6L11 8z',
  done: 'M5 8.3l2.1 2.1L11.2 6',
  failed: 'M8 4.7v4M8 10.9v.2',
  cancelled: 'M5.4 8h5.2',
  back: 'M9.8 3.5L5.3 8l4.5 4.5',
  next: 'M6.2 3.5L10.7 8l-4.5 4.5',
  copy: 'M5.5 5.5h7v7h-7zM3.5 10.5v-7h7',
  warning: 'M8 2.7l5.8 10.3H2.2zM8 6.6v3M8 11.2v.2',
} as const;
const IN_CIRCLE = new Set<string>(['waiting', 'running', 'done', 'failed', 'cancelled']);

export type IconName = keyof typeof PATHS;

/** A small drawing beside a word that says the same. */
export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      {IN_CIRCLE.has(name) && <circle cx="8" cy="8" r="6.2" />}
      <path d={PATHS[name]} />
    </svg>
  );
}
