/*
 * Preloaded into the service whose callbacks are timed: without jitter, every heartbeat is due at
 * exactly the interval after the one before, so that its lateness can be told from outside.
 */

Math.random = () => 1;
