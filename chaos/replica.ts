import { createLogger, createService, parseConfig } from '@trainer/common';
import { findService } from '@trainer/services';
import { nest } from './decorate.ts';
import { createFailpoints, type DeathMessage, type Failpoint } from './failpoints.ts';
import { createEndWitness, type EndMessage } from './open-ends.ts';

/*
 * One replica of a real service in a process of its own, of the backend that its argument names.
 * Its parent arms failpoints by messages, and is told the URLs, every end that is sent, and of what
 * failpoint it dies.
 */
export interface ReadyMessage {
  readonly url: string;
  /** Where trainings report. */
  readonly reportsUrl: string | undefined;
}

const { backend } = findService(process.argv[2] ?? '');

let armed: readonly Failpoint[] = [];
process.on('message', (message: { readonly armed: readonly Failpoint[] }) => {
  armed = message.armed;
});
process.on('disconnect', () => process.exit(0));

const config = parseConfig(backend.defaults);
const service = await createService({
  backend,
  config,
  logger: createLogger(backend.name, config),
  decorate: nest(
    createFailpoints((failpoint) => {
      const isArmed = armed.includes(failpoint);
      if (isArmed) tell({ dyingAt: failpoint });
      return isArmed;
    }, config.jobTtlMs),
    createEndWitness((message) => tell(message)),
  ),
});
process.on('SIGTERM', () => {
  void service.close().then(() => process.exit(0));
});
const url = await service.listen();
tell({ url, reportsUrl: service.reportsUrl() });

function tell(message: EndMessage | DeathMessage | ReadyMessage): void {
  process.send?.(message);
}
