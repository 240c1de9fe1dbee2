/*
 * Loaded with --import into a process under measurement, which stays as it is otherwise: tells over
 * IPC what the process has used so far. Plain JavaScript, since stripping types takes memory.
 */

process.on('message', ({ ask, collectGarbage }) => {
  if (ask !== 'usage') return;
  if (collectGarbage) globalThis.gc?.();
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  process.send?.({ cpuMs: (user + system) / 1000, rssBytes: rss, heapBytes: heapUsed });
});
// A channel that is listened to would keep the process alive when it is told to end.
process.channel?.unref();
