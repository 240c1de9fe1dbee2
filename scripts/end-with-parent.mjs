// Preloaded into the programs that run.mjs starts: when run.mjs is killed before it can pass on a
// signal, their channel to it closes, and they end as if asked to. Processes that they start
// inherit this preload, but have another parent.
if (process.env.TRAINER_RUN_PID === String(process.ppid)) {
  process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel?.unref();
}
