import type { JobRunner } from '../src/jobs/job-runner.ts';
import type { Observation } from '../src/jobs/observation.ts';

export type Seen = Extract<Observation, { exists: true }>;

/** Waits, by the runner's own announcements alone, until it shows what is wanted of a run. */
export function untilSeen(
  runner: JobRunner,
  name: string,
  isWanted: (seen: Observation) => boolean,
  timeoutMs = 60_000,
): Promise<Observation> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      unwatch();
      const last = JSON.stringify(runner.getCached(name));
      reject(new Error(`${name} was not seen as wanted in ${timeoutMs} ms; it is ${last}`));
    }, timeoutMs);
    const check = () => {
      const seen = runner.getCached(name);
      if (seen === undefined || !isWanted(seen)) return;
      clearTimeout(timer);
      unwatch();
      resolve(seen);
    };
    const unwatch = runner.watch((changed) => {
      if (changed === name) check();
    });
    check();
  });
}

/** Narrows an observation to one of a run that is there. */
export function assertExists(seen: Observation | undefined): Seen {
  if (seen?.exists !== true) throw new Error('there is no such run');
  return seen;
}
