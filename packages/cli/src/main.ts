#!/usr/bin/env node
import { appendFileSync, fstatSync } from 'node:fs';
import { EXIT } from './exit-codes.ts';
import { runCli } from './run-cli.ts';

const interrupted = new AbortController();
process.once('SIGINT', () => interrupted.abort());
// Where nobody reads what is wrong, the exit code still tells it.
process.stderr.on('error', () => {});
process.stdout.on('error', endUnwritten);

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  stdin: process.stdin,
  stdout: isFile(process.stdout.fd) ? { write: writeToFile } : process.stdout,
  stderr: process.stderr,
  signal: interrupted.signal,
});

function isFile(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isFile();
  } catch {
    return false;
  }
}

/** The stream of a file writes what there is room for, and says nothing of the rest. */
function writeToFile(text: string): void {
  try {
    appendFileSync(process.stdout.fd, text);
  } catch (error) {
    endUnwritten(error as NodeJS.ErrnoException);
  }
}

function endUnwritten({ code }: NodeJS.ErrnoException): never {
  // A reader such as `head` may close its end early.
  if (code === 'EPIPE') process.exit();
  process.stderr.write(`Standard output cannot be written (${code}).\n`);
  process.exit(EXIT.unwritten);
}
