import { useEffect, useMemo } from 'preact/hooks';
import { EventFeeds } from './api/event-feeds.ts';
import type { TrainerService } from './api/trainer-service.ts';

/**
 * The streams of these services, or of one job of theirs, open while somebody looks: a tab in the
 * background holds none, and is told what it missed when it is shown again.
 */
export function useEventFeeds(services: readonly TrainerService[], jobId?: string): EventFeeds {
  const key = [...services.map(({ name }) => name), jobId].join(' ');
  const feeds = useMemo(() => new EventFeeds(services, jobId), [key]);
  useEffect(() => {
    const onVisibility = () => {
      if (document.visibilityState === 'hidden') feeds.stop();
      else feeds.start();
    };
    const onOnline = () => feeds.retry();
    onVisibility();
    document.addEventListener('visibilitychange', onVisibility);
    addEventListener('online', onOnline);
    return () => {
      feeds.stop();
      document.removeEventListener('visibilitychange', onVisibility);
      removeEventListener('online', onOnline);
    };
  }, [feeds]);
  return feeds;
}
