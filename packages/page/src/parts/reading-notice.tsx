import type { TrainerService } from '../api/trainer-service.ts';
import type { Reading } from '../poller.ts';
import { Icon } from './icon.tsx';
import { Time } from './time.tsx';
import { TokenPrompt } from './token-prompt.tsx';

interface ReadingNoticeProps {
  readonly service: TrainerService;
  readonly reading: Reading<unknown> & { readonly refresh: () => Promise<void> };
  /** A sentence on what that means for what is shown. */
  readonly effect?: string;
}

/** What keeps the page from reading a service, and what can be done about it. */
export function ReadingNotice({ service, reading, effect }: ReadingNoticeProps) {
  const { error, readAtMs, refresh } = reading;
  if (error === undefined) return null;
  if (error.needsToken) {
    return <TokenPrompt service={service} error={error} onToken={() => void refresh()} />;
  }
  return (
    <div class="notice" role="status">
      <Icon name="warning" />
      <p>
        {error.message} {effect}{' '}
        {readAtMs !== undefined && (
          <>
            What is shown is from <Time value={new Date(readAtMs).toISOString()} form="clock" />.{' '}
          </>
        )}
        {!error.isMissing && !error.isRefused && 'It is tried again all the time.'}
      </p>
    </div>
  );
}
