import { useEffect, useState } from 'preact/hooks';
import { followLog } from '../api/log-stream.ts';
import type { ServiceError } from '../api/service-error.ts';
import type { TrainerService } from '../api/trainer-service.ts';
import { addLines, NO_LOG } from './log-text.ts';

/** The log of a job as it is written, while somebody looks: a service has few readers at a time. */
export function useLog(service: TrainerService, jobId: string) {
  const [text, setText] = useState(NO_LOG);
  const [error, setError] = useState<ServiceError>();
  const [round, setRound] = useState(0);
  useEffect(() => {
    let stopping: AbortController | undefined;
    const start = () => {
      stopping = new AbortController();
      setText(NO_LOG);
      const listener = {
        onLines: (lines: Parameters<typeof addLines>[1]) =>
          setText((known) => addLines(known, lines)),
        onEnd: (end: (typeof NO_LOG)['end']) => setText((known) => ({ ...known, end })),
        onError: setError,
      };
      void followLog(service, jobId, listener, stopping.signal);
    };
    const onVisibility = () => {
      if (document.visibilityState === 'hidden') {
        stopping?.abort();
        stopping = undefined;
      } else if (stopping === undefined) start();
    };
    onVisibility();
    document.addEventListener('visibilitychange', onVisibility);
    return () => {
      stopping?.abort();
      document.removeEventListener('visibilitychange', onVisibility);
    };
  }, [service, jobId, round]);
  return { text, error, retry: () => setRound((count) => count + 1) };
}
