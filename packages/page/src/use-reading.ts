import { useEffect, useRef, useState } from 'preact/hooks';
import { Poller, type PollerParts, type Reading } from './poller.ts';

const NOTHING = { value: undefined, readAtMs: undefined, error: undefined };

/**
 * What `read` gives, read again at its pace, at once when the tab is shown again or the network is
 * back, and not while nobody looks. Another `key` starts anew.
 */
export function useReading<T>(
  key: string,
  { read, paceMs }: Pick<PollerParts<T>, 'read' | 'paceMs'>,
): Reading<T> & { readonly refresh: () => Promise<void> } {
  const [state, setState] = useState<{ key: string; reading: Reading<T> }>({
    key,
    reading: NOTHING,
  });
  const poller = useRef<Poller<T> | undefined>(undefined);
  useEffect(() => {
    const own = new Poller<T>({
      read,
      paceMs: (value) => (document.hidden ? undefined : paceMs(value)),
      onReading: (reading) => setState({ key, reading }),
    });
    poller.current = own;
    const refresh = () => {
      if (!document.hidden) void own.refresh();
    };
    refresh();
    document.addEventListener('visibilitychange', refresh);
    addEventListener('online', refresh);
    return () => {
      own.stop();
      document.removeEventListener('visibilitychange', refresh);
      removeEventListener('online', refresh);
    };
  }, [key]);
  const reading = state.key === key ? state.reading : NOTHING;
  return { ...reading, refresh: async () => poller.current?.refresh() };
}
