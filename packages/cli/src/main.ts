#!/usr/bin/env node
import { runCli } from './run-cli.ts';

const interrupted = new AbortController();
process.once('SIGINT', () => interrupted.abort());
// A reader such as `head` may close its end early.
process.stdout.on('error', () => process.exit());
// Where nobody reads what is wrong, the exit code still tells it.
process.stderr.on('error', () => {});

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: interrupted.signal,
});
