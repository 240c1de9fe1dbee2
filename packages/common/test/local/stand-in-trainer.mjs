import { spawn } from 'node:child_process';
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/*
 * In place of `python -m trainer_runtime` in tests: it keeps the same protocol (status file,
 * termination file, exit statuses, SIGTERM) and does what extra_parameters.stand_in says.
 */
const { env } = process;
const request = JSON.parse(env.TRAINING_REQUEST_JSON ?? '{}');
const {
  outcome = 'succeeded',
  // Goes on until its test makes the file `release` in the working folder.
  waits = false,
  ignoresTerm = false,
  // Leaves a process behind in a session of its own, as torchrun's workers are.
  forks = false,
  exit_code = 1,
  termination = '',
  output = '',
  // Comes before the output.
  noise_bytes = 0,
} = request.extra_parameters?.stand_in ?? {};

const release = join(process.cwd(), 'release');
const end = (code, line) => {
  if (line !== '') writeFileSync(env.TRAINER_TERMINATION_FILE, line);
  process.exit(code);
};
const tell = (percentage) => {
  const status = { percentage, remaining_seconds: 100 - percentage, metrics: { loss: 0.5 } };
  writeFileSync(`${env.TRAINER_STATUS_FILE}.new`, JSON.stringify(status));
  renameSync(`${env.TRAINER_STATUS_FILE}.new`, env.TRAINER_STATUS_FILE);
};

process.on('SIGTERM', () => {
  if (!ignoresTerm) end(143, 'STOPPED: Stopped by SIGTERM at step 3.');
});
writeFileSync('environment.json', JSON.stringify(env), { mode: 0o600 });
if (forks) {
  spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' }).unref();
}
await new Promise((resolve) => process.stdout.write('x'.repeat(noise_bytes) + output, resolve));
tell(1);
const poll = setInterval(() => {
  if (outcome === 'never' || (waits && !existsSync(release))) return;
  clearInterval(poll);
  tell(100);
  if (outcome === 'failed') end(exit_code, termination);
  else end(0, JSON.stringify({ model_uri: request.artifacts?.output_uri }));
}, 5);
