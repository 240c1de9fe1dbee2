import { validateHeaderValue } from 'node:http';
import { isEnded, type Job, TrainerApiError, TrainerClient } from '@trainer/client';
import type { CliContext } from './cli-context.ts';
import { changeCallbacks } from './commands/callbacks.ts';
import { listDeliveries, replayDeliveries } from './commands/deliveries.ts';
import { showHistory } from './commands/events.ts';
import { listJobs } from './commands/list.ts';
import { showLogs } from './commands/logs.ts';
import { showMetrics } from './commands/metrics.ts';
import { plan } from './commands/plan.ts';
import { showRequest } from './commands/request.ts';
import { rerunJob } from './commands/rerun.ts';
import { showVersion } from './commands/version.ts';
import { watchJobs } from './commands/watch.ts';
import { showWhy } from './commands/why.ts';
import { type Arguments, parseCommand } from './parse-command.ts';
import { createProgressBar } from './progress-bar.ts';
import { readRequest } from './read-request.ts';
import { printable, toTable } from './table.ts';
import { EXIT, USAGE, UsageError } from './usage.ts';

/** Runs one command; resolves with its exit code and never rejects for what a user can cause. */
export async function runCli(argv: readonly string[], context: CliContext): Promise<number> {
  const { stdout, stderr, signal } = context;
  try {
    const args = parseCommand(argv);
    if (args.help) {
      stdout.write(USAGE);
      return EXIT.ok;
    }
    return await run(args, context);
  } catch (error) {
    if (signal.aborted) return EXIT.interrupted;
    if (error instanceof UsageError) {
      stderr.write(`${printable(error.message)}\n`);
      return EXIT.usage;
    }
    if (error instanceof TrainerApiError) {
      const id = error.problem?.request_id;
      const request = id === undefined ? '' : ` (request ${id})`;
      stderr.write(`${printable(`${error.message}${request}`)}\n`);
      const isRefusal = error.status !== undefined && error.status < 500 && !error.isPassing;
      return isRefusal ? EXIT.refused : EXIT.unavailable;
    }
    if ((error as Error).name === 'TimeoutError') {
      stderr.write('The time is over; the job goes on.\n');
      return EXIT.timeout;
    }
    throw error;
  }
}

async function run(args: Arguments, context: CliContext): Promise<number> {
  const { command, subject } = args;
  const { env, signal, stdin } = context;
  switch (command) {
    case 'submit': {
      const client = createClient(env);
      const { job } = await client.submit((await readRequest(subject, stdin)) as never, { signal });
      if (args.wait) return wait(client, job.job_id, args, context);
      print(job, args, context);
      return EXIT.ok;
    }
    case 'rerun': {
      const client = createClient(env);
      const job = await rerunJob(client, { ...args, file: args.second }, context);
      if (args.wait) return wait(client, job.job_id, args, context);
      print(job, args, context);
      return EXIT.ok;
    }
    case 'status':
      print(await createClient(env).get(subject, { signal }), args, context);
      return EXIT.ok;
    case 'list':
      await listJobs(createClient(env), { ...args, rerunOf: args['rerun-of'] }, context);
      return EXIT.ok;
    case 'cancel':
      print(await createClient(env).cancel(subject, { save: args.save, signal }), args, context);
      return EXIT.ok;
    case 'callbacks':
      await changeCallbacks(createClient(env), { ...args, file: args.second ?? '' }, context);
      return EXIT.ok;
    case 'deliveries':
      await listDeliveries(createClient(env), args, context);
      return EXIT.ok;
    case 'replay': {
      const isWhole = await replayDeliveries(createClient(env), subject, args, context);
      return isWhole ? EXIT.ok : EXIT.refused;
    }
    case 'forget':
      await createClient(env).forget(subject, { force: args.force, signal });
      return EXIT.ok;
    case 'events':
      await showHistory(createClient(env), { ...args, jobId: subject }, context);
      return EXIT.ok;
    case 'request':
      return showRequest(createClient(env), { ...args, jobId: subject }, context);
    case 'why':
      await showWhy(createClient(env), { ...args, jobId: subject }, context);
      return EXIT.ok;
    case 'logs':
      return showLogs(createClient(env), { ...args, jobId: subject }, context);
    case 'watch': {
      const timeoutMs = parseTimeout(args.timeout);
      const signals = timeoutMs === undefined ? [] : [AbortSignal.timeout(timeoutMs)];
      const whole = { ...context, signal: AbortSignal.any([signal, ...signals]) };
      return watchJobs(createClient(env), { ...args, jobIds: args.subjects }, whole);
    }
    case 'metrics':
      await showMetrics(createClient(env), { ...args, jobId: subject, name: args.second }, context);
      return EXIT.ok;
    case 'wait':
      return wait(createClient(env), subject, args, context);
    case 'plan':
      return plan(createClient(env), await readRequest(subject, stdin), args, context);
    case 'version':
      await showVersion(createClient(env), args, context);
      return EXIT.ok;
    case 'render': {
      // It needs the services' own code, which nobody else should wait for.
      const { render } = await import('./render.ts');
      return render(await readRequest(subject, stdin), args, context);
    }
    case 'check': {
      const { check } = await import('./commands/check.ts');
      return check(await readRequest(subject, stdin), args, context);
    }
    default:
      throw new UsageError(`There is no command '${command}': trainer --help tells more.`);
  }
}

function createClient(env: CliContext['env']): TrainerClient {
  const { TRAINER_URL: baseUrl, TRAINER_API_TOKEN: token } = env;
  if (!baseUrl || !URL.canParse(baseUrl) || !/^https?:/.test(baseUrl)) {
    throw new UsageError('Set TRAINER_URL to where the service is, such as http://localhost:8082.');
  }
  const { username, password } = new URL(baseUrl);
  if (username !== '' || password !== '') {
    throw new UsageError('TRAINER_URL must hold no user name or password; see TRAINER_API_TOKEN.');
  }
  try {
    validateHeaderValue('x-trainer-token', token?.trim() ?? '');
  } catch {
    throw new UsageError('TRAINER_API_TOKEN holds a character that no HTTP header can carry.');
  }
  // Someone sits and waits for the answer.
  return new TrainerClient({ baseUrl, retries: 2, ...(token && { token }) });
}

async function wait(
  client: TrainerClient,
  jobId: string,
  args: Arguments,
  context: CliContext,
): Promise<number> {
  const { stderr, signal } = context;
  const timeoutMs = parseTimeout(args.timeout);
  const bar = createProgressBar(stderr);
  try {
    const job = await client.wait(jobId, {
      signal:
        timeoutMs === undefined
          ? signal
          : AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      onProgress: (seen) => {
        if (!isEnded(seen)) bar.show(seen);
      },
    });
    bar.end();
    print(job, args, context);
    return job.status === 'succeeded' ? EXIT.ok : EXIT.jobNotSucceeded;
  } finally {
    bar.end();
  }
}

function parseTimeout(given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  const ms = Number(given) * 1000;
  if (ms > 0 && ms < 2 ** 31) return ms;
  throw new UsageError('--timeout must be a number of seconds, more than 0.');
}

function print(job: Job, { json }: Arguments, { stdout }: CliContext): void {
  stdout.write(json ? `${JSON.stringify(job, null, 2)}\n` : toTable(job));
}
