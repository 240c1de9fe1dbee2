import { pino } from 'pino';
import { systemClock } from '../src/clock.ts';
import type { Platform } from '../src/jobs/platform.ts';
import { SecretJobStore } from '../src/stores/secrets/secret-job-store.ts';
import { FakeApiServer } from './fake-api/fake-api-server.ts';
import { jsonPlanCodec } from './json-plan-codec.ts';

/** The records in Secrets of an API server in memory, the runs with the mock. */
export function inSecrets(own: Platform): Platform {
  const store = new SecretJobStore({
    ...{ client: new FakeApiServer().connect(), clock: systemClock, random: () => 0.5 },
    ...{ planCodec: jsonPlanCodec, backend: 'test', namespace: 'jobs' },
    logger: pino({ level: 'silent' }),
  });
  return {
    ...own,
    store,
    open: () => store.open(),
    close: async () => {
      await own.close();
      await store.close();
    },
  };
}
