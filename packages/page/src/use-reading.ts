import { useEffect, useRef, useState } from 'preact/hooks';
import { Poller, type PollerParts, type Reading } from './poller.ts';

const NOTHING = { value: undefined, readAtMs: undefined, error: undefined };

interface ReadingOptions<T> extends Pick<PollerParts<T>, 'read' | 'paceMs'> {
  /** Another one has it read at once. */
  readonly version?: unknown;
}

/**
 * What `read` gives, read again at its pace, at once when the tab is shown again or the network is
 * back, and not while nobody looks. Another `key` starts anew.
 */
export function useReading<T>(
  key: string,
  { read, paceMs, version }: ReadingOptions<T>,
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
  const known = useRef(version);
  useEffect(() => {
    if (known.current === version) return;
    known.current = version;
    void poller.current?.refresh();
  }, [version]);
  const reading = state.key === key ? state.reading : NOTHING;
  return { ...reading, refresh: async () => poller.current?.refresh() };
}
