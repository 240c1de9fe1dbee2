import { setTimeout as sleep } from 'node:timers/promises';

export interface Patience {
  timeoutMs?: number;
  everyMs?: number;
}

export async function until(
  what: string,
  check: () => Promise<boolean>,
  { timeoutMs = 30_000, everyMs = 50 }: Patience = {},
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await check())) {
    if (Date.now() > deadline)
      throw new Error(`after ${timeoutMs} ms it is still not so that ${what}`);
    await sleep(everyMs);
  }
}
