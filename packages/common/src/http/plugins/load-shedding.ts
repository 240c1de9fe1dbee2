import underPressure from '@fastify/under-pressure';
import type { FastifyInstance } from 'fastify';
import { errors } from '../../errors.ts';

/** Work that waits this long is not answered in time by anyone. */
const MAX_EVENT_LOOP_DELAY_MS = 2000;
/** Starting up blocks the event loop too, which says nothing of the load. */
const START_UP_MS = 10_000;

/** Refuses requests with 503 while the process cannot keep up; not for probes, which would end it. */
export async function registerLoadShedding(
  app: FastifyInstance,
  onShed: () => void = () => {},
): Promise<void> {
  const shedsFromMs = performance.now() + START_UP_MS;
  await app.register(underPressure, {
    maxEventLoopDelay: MAX_EVENT_LOOP_DELAY_MS,
    pressureHandler: () => {
      if (performance.now() < shedsFromMs) return;
      onShed();
      throw errors.overloaded();
    },
  });
}
