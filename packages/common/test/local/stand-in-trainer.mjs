import { spawn } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

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
  // How long it trains at least.
  run_ms = 0,
  // A file that every start adds a line to.
  record_start,
  ignoresTerm = false,
  // As if by hand, before anybody has looked at it.
  removes_folder = false,
  // Leaves a process behind in a session of its own, as torchrun's workers are.
  forks = false,
  exit_code = 1,
  termination = '',
  output = '',
  // Sent to the service before anything else, until it has taken it.
  report,
  // The address of a checkpoint, which it reports until the service has taken that.
  saves,
  // Reports until it is told to stop, then saves: `uri` of the checkpoint, how it ends, and whether
  // it waits for the file `release` before `asking` or before `ending`.
  obeys,
  // Comes before the output.
  noise_bytes = 0,
} = request.extra_parameters?.stand_in ?? {};

/** A full disk is no reason to end a training, and the service has the exit status. */
const write = (path, text) => {
  try {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  } catch (error) {
    if (error.code !== 'ENOSPC' && !removes_folder) throw error;
  }
};
const release = join(process.cwd(), 'release');
const end = (code, line) => {
  if (line !== '') write(env.TRAINER_TERMINATION_FILE, line);
  process.exit(code);
};
const tell = (percentage) => {
  const status = { percentage, remaining_seconds: 100 - percentage, metrics: { loss: 0.5 } };
  write(env.TRAINER_STATUS_FILE, JSON.stringify(status));
};

if (obeys !== undefined) void obeyOrders();
if (saves !== undefined) void tellOfCheckpoint(saves);

async function obeyOrders() {
  if (obeys.waits === 'asking') await untilReleased();
  await askForOrders();
}

async function untilReleased() {
  while (!existsSync(release)) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function askForOrders() {
  const attempt = Number(env.TRAINER_ATTEMPT);
  // A service that is away never stops a training.
  const { orders = [] } = await tellService({ attempt, step: 4 }).catch(() => ({}));
  if (orders[0]?.do !== 'stop' || orders[0].save !== true) {
    setTimeout(() => void askForOrders(), 600);
    return;
  }
  write('obeyed', '');
  if (obeys.ends === false) return;
  await tellOfCheckpoint(obeys.uri);
  if (obeys.waits === 'ending') await untilReleased();
  end(7, 'STOPPED: Stopped by order at step 4.');
}

async function tellOfCheckpoint(uri) {
  const checkpoints = [{ step: 4, uri, time: 2 }];
  await tellUntilTaken({ phase: 'saving', checkpoints });
}

/** A service that is away never stops a training, and is told once it is back. */
async function tellUntilTaken(report) {
  const body = { attempt: Number(env.TRAINER_ATTEMPT), ...report };
  while ((await tellService(body).catch(() => undefined))?.orders === undefined) {
    await new Promise((resolve) => setTimeout(resolve, 600));
  }
}

/** One report, as the runtime sends it; the answer. */
async function tellService(body) {
  const url = readFileSync(env.TRAINER_REPORTS_URL_FILE, 'utf8').trim();
  const response = await fetch(`${url}/train/${request.job_id}/reports`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${env.TRAINER_REPORTS_TOKEN}`,
    },
    body: JSON.stringify(body),
  });
  return response.json();
}

process.on('SIGTERM', () => {
  if (!ignoresTerm) end(143, 'STOPPED: Stopped by SIGTERM at step 3.');
});
if (record_start !== undefined) appendFileSync(record_start, `${request.job_id}\n`);
if (removes_folder) rmSync(dirname(env.TRAINER_STATUS_FILE), { recursive: true });
else write('environment.json', JSON.stringify(env));
if (forks) {
  spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' }).unref();
}
if (report !== undefined) await tellUntilTaken(report);
await new Promise((resolve) => process.stdout.write('x'.repeat(noise_bytes) + output, resolve));
tell(1);
const poll = setInterval(() => {
  const isOver = performance.now() >= run_ms && (!waits || existsSync(release));
  if (outcome === 'never' || !isOver) return;
  clearInterval(poll);
  tell(100);
  if (outcome === 'failed') end(exit_code, termination);
  else end(0, JSON.stringify({ model_uri: request.artifacts?.output_uri }));
}, 5);
