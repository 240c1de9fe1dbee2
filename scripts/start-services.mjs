import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { preparePage } from './page-settings.mjs';
import { prepareLocalRunner } from './prepare-local-runner.mjs';
import { inRoot, root } from './project-paths.mjs';
import { Refusal } from './refusal.mjs';
import { startService, toServiceUrl } from './service-process.mjs';
import { Supervisor } from './supervisor.mjs';

const READY_WITHIN_MS = 60_000;
const ENDED_BY_SIGTERM = 143;

const RUNNERS = ['mock', 'local', 'kubernetes'];

/**
 * Runs the services that `args` name, or all, until one ends or this process is asked to stop;
 * resolves to the exit code. `--runner NAME` chooses where their jobs run. A service alone listens
 * on PORT, several listen on their own ports.
 */
export async function startServices(args, { node, watch }) {
  const { names, runner } = parseArguments(args);
  const services = listServices(node);
  const serviceNamed = (name) => {
    const service = services.find((candidate) => candidate.name === name);
    if (service !== undefined) return service;
    const known = services.map((candidate) => candidate.name).join(', ');
    throw new Refusal(`There is no service '${name}': use ${known}.`, { exitCode: 2 });
  };
  const chosen = names.length === 0 ? services : [...new Set(names)].map(serviceNamed);
  const alone = chosen.length === 1;
  if (!alone && process.env.PORT) {
    console.error('PORT is ignored, since each service needs its own: start one alone to set it.');
  }
  if (alone && process.env.PORT === '0') {
    throw new Refusal('PORT=0 leaves open where the service listens: name a port.');
  }

  const host = process.env.HOST || '127.0.0.1';
  const placed = chosen.map((service) => {
    const port = (alone && process.env.PORT) || String(service.port);
    return { ...service, host, port, url: toServiceUrl(host, port) };
  });
  const settings = {
    ...(await prepareRunner(runner)),
    ...(!alone && preparePage(placed, process.env)),
  };
  const supervisor = new Supervisor(node);
  const running = await Promise.all(
    placed.map((service) => startService(service, { supervisor, watch, settings })),
  );
  for (const { ended } of running) ended.then(() => supervisor.stop());

  if (watch) {
    // A service that cannot start waits for its file to change, which must not hide the others.
    for (const service of running) service.ready.then((ready) => ready && announce(service));
  } else if (await allReady(running, supervisor)) {
    for (const service of running) announce(service);
    const [{ url }] = running;
    console.log(`\nThe page${alone ? '' : ' of all'}, for browsers: ${url}`);
    console.log('\nCtrl-C stops.\n');
  }

  const codes = await Promise.all(running.map(({ ended }) => ended));
  for (const service of running) service.showHeldErrors();
  const bad = codes.find((code) => code !== 0 && code !== ENDED_BY_SIGTERM);
  return bad ?? (supervisor.stopAsked ? 0 : 1);
}

function parseArguments(args) {
  try {
    const options = { runner: { type: 'string' } };
    const { positionals, values } = parseArgs({ args, allowPositionals: true, options });
    const { runner } = values;
    if (runner !== undefined && !RUNNERS.includes(runner)) {
      throw new Error(`There is no runner '${runner}': use ${RUNNERS.join(', ')}.`);
    }
    return { names: positionals, runner };
  } catch (error) {
    throw new Refusal(error.message, { exitCode: 2 });
  }
}

/** The variables that choose a runner, once what it needs is there. */
async function prepareRunner(runner) {
  if (runner === undefined) return {};
  if (runner !== 'local') return { TRAINER_JOB_RUNNER: runner };
  return prepareLocalRunner(process.env);
}

/** The registry is TypeScript, which the Node of this process may not know. */
function listServices(node) {
  const args = [inRoot('scripts/list-services.ts')];
  return JSON.parse(execFileSync(node, args, { cwd: root, encoding: 'utf8' }));
}

async function allReady(running, supervisor) {
  const tooLate = setTimeout(() => {
    console.error(`Not every service answered within ${READY_WITHIN_MS / 1000} s: stopping.`);
    supervisor.stop();
  }, READY_WITHIN_MS);
  const ready = await Promise.all(running.map((service) => service.ready));
  clearTimeout(tooLate);
  return ready.every(Boolean);
}

function announce({ name, folder, url }) {
  const needsToken = process.env.TRAINER_API_TOKEN || process.env.TRAINER_API_TOKEN_FILE;
  const token = needsToken ? ' -H "X-TRAINER-TOKEN: $TRAINER_API_TOKEN"' : '';
  const data = `-H 'Content-Type: application/json' --data @services/${folder}/example.json`;
  console.log(`\n${name} is ready on ${url} (docs: docs/USAGE.md and ${url}/docs). Try it:`);
  console.log(`  curl ${url}/train${token} ${data}`);
}
