/*
 * Loaded with --import into a process under measurement, which stays as it is otherwise: tells over
 * IPC what the process has used so far.
 */

/** What one process has used; CPU since its start. */
export interface Usage {
  readonly cpuMs: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
}

export interface UsageQuestion {
  readonly ask: 'usage';
  readonly collectGarbage: boolean;
}

process.on('message', ({ ask, collectGarbage }: UsageQuestion) => {
  if (ask !== 'usage') return;
  if (collectGarbage) globalThis.gc?.();
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  const usage: Usage = { cpuMs: (user + system) / 1000, rssBytes: rss, heapBytes: heapUsed };
  process.send?.(usage);
});
// A channel that is listened to would keep the process alive when it is told to end.
process.channel?.unref();
