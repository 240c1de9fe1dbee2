import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describeComparison, describeLoading, describeProgress } from './demo-report.mjs';
import { prepareLocalRunner } from './prepare-local-runner.mjs';
import { inRoot } from './project-paths.mjs';
import { Refusal } from './refusal.mjs';
import { startService } from './service-process.mjs';
import { Supervisor } from './supervisor.mjs';

const POLL_MS = 250;
const CANCEL_WITHIN_MS = 5000;
const ENDED = ['succeeded', 'failed', 'cancelled'];

/**
 * Fine-tunes a tiny model on this machine, from nothing to an adapter, by one of the services; the
 * result is the exit code. All it makes lies in ./training/demo and ./.trainer.
 */
export async function runDemo(_args, node) {
  const clock = createStopwatch();
  const folder = inRoot('training/demo');
  mkdirSync(folder, { recursive: true });
  console.log(
    `This demo fine-tunes a tiny language model on this machine; it needs neither a GPU nor an account.\nWhat it makes lies in ${folder}, its records in ${inRoot('.trainer')}.`,
  );
  const prepared = await prepareLocalRunner({ ...process.env, TRAINER_LOCAL_ROOTS: folder });
  clock.lap('environment');
  const { model, rows } = await makeModel(folder, prepared.TRAINER_LOCAL_PYTHON);
  clock.lap('model and rows');

  let job;
  const supervisor = new Supervisor(node, { beforeStop: async () => job?.cancel() });
  const service = await startService(
    { name: 'hf-unsloth', folder: 'hf-unsloth-api', port: String(await findFreePort()) },
    { supervisor, watch: false, settings: { ...SETTINGS, ...prepared } },
  );
  try {
    if (!(await service.ready)) return 1;
    clock.lap('service');
    job = new DemoJob(service.url, buildRequest(folder, model, rows));
    const end = await job.run(service.ended);
    if (end === undefined) return 1;
    clock.lap('training');
    if (end.status !== 'succeeded') {
      console.error(`\nThe job has ${end.status}: ${end.reason}: ${end.detail}`);
      return 1;
    }
    // The result's own description, as it lies beside the adapter.
    const result = join(folder, 'results', job.id);
    const { comparison } = JSON.parse(readFileSync(join(result, 'run.json'), 'utf8'));
    console.log(`\n${describeComparison(comparison)}`);
    console.log(
      `\n${describeLoading(prepared.TRAINER_LOCAL_PYTHON, model, join(result, 'model'))}`,
    );
    console.log(`\n${clock.describe()}`);
    return 0;
  } finally {
    supervisor.stop();
    await service.ended;
    service.showHeldErrors();
  }
}

/** No setting of the shell's may change what the demo does. */
const SETTINGS = {
  HOST: '127.0.0.1',
  LOG_LEVEL: 'error',
  TRAINER_API_TOKEN: '',
  TRAINER_API_TOKEN_FILE: '',
  TRAINER_LOCAL_STATE_DIR: inRoot('.trainer/demo'),
  TRAINER_LOCAL_DEVICE: 'cpu',
  TRAINER_LOCAL_CORES: '1',
  HF_HUB_OFFLINE: '1',
};

function buildRequest(folder, model, rows) {
  return {
    job_id: `demo-${new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').toLowerCase()}`,
    base_model: { provider: 'custom', model_name: model },
    datasets: [{ source: rows, format: 'jsonl' }],
    customization: { method: 'lora', rank: 8, lora_alpha: 16, precision: 'fp32' },
    resources: { gpus: 1 },
    tuning_parameters: {
      ...{ learning_rate: 0.005, batch_size: 8, num_epochs: 10, max_sequence_length: 128 },
    },
    extra_parameters: { unsloth: { gradient_accumulation: 1 } },
    artifacts: { log_uri: join(folder, 'logs'), output_uri: join(folder, 'results') },
  };
}

/** A tiny model of random weights and the rows to teach it, made by a script and kept. */
async function makeModel(folder, python) {
  const model = join(folder, 'model');
  const rows = join(model, 'rows.jsonl');
  // Written last, so that what was interrupted is made again.
  if (!existsSync(rows)) {
    console.log(
      '\nMaking a model of 0.9 million random parameters, and 48 questions with answers …',
    );
    const script = inRoot('runtime/tests/tiny_model.py');
    await runQuietly(python, [script, model], { ...process.env, HF_HUB_OFFLINE: '1' });
  }
  return { model, rows };
}

/** Shows what a program said only when it failed. */
function runQuietly(program, args, env) {
  return new Promise((done, fail) => {
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const said = [];
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => said.push(chunk));
    }
    child.once('error', ({ message }) => fail(new Refusal(message)));
    child.once('close', (code) => {
      if (code === 0) return done();
      fail(new Refusal(`${Buffer.concat(said)}\n${program} ended with exit code ${code}.`));
    });
  });
}

/** One job of a service, from its POST to its end. */
class DemoJob {
  #url;
  #request;
  #isOpen = false;

  constructor(url, request) {
    this.#url = url;
    this.#request = request;
  }

  get id() {
    return this.#request.job_id;
  }

  /** Posts it and shows its progress; its last state, undefined when the service ends before. */
  async run(serviceEnded) {
    const body = JSON.stringify(this.#request);
    console.log(`\nPOST ${this.#url}/train\n${JSON.stringify(this.#request, undefined, 2)}\n`);
    const headers = { 'content-type': 'application/json' };
    const posted = await fetch(`${this.#url}/train`, { method: 'POST', headers, body });
    const answer = await posted.json();
    if (!posted.ok) throw new Refusal(`${posted.status}: ${JSON.stringify(answer)}`);
    this.#isOpen = true;
    for (const warning of answer.metadata.warnings) console.log(`note: ${warning}`);
    let isServing = true;
    serviceEnded.then(() => {
      isServing = false;
    });
    const line = new ProgressLine();
    while (isServing) {
      const job = await this.#get().catch(() => undefined);
      if (job !== undefined) line.show(describeProgress(job));
      if (ENDED.includes(job?.status)) {
        this.#isOpen = false;
        line.end();
        return job;
      }
      await delay(POLL_MS);
    }
    line.end();
    return undefined;
  }

  /** A training outlives its service, so that whoever stops the demo stops it first. */
  async cancel() {
    if (!this.#isOpen) return;
    const signal = AbortSignal.timeout(CANCEL_WITHIN_MS);
    await fetch(`${this.#url}/train/${this.id}/cancel`, { method: 'POST', signal }).catch(() => {});
  }

  async #get() {
    return (await fetch(`${this.#url}/train/${this.id}`)).json();
  }
}

/** One line that is drawn again and again; where nobody looks, a line for each change. */
class ProgressLine {
  #last;

  show(text) {
    if (text === this.#last) return;
    this.#last = text;
    if (process.stdout.isTTY) process.stdout.write(`\r\u001B[K${text}`);
    else console.log(text);
  }

  end() {
    if (process.stdout.isTTY) console.log();
  }
}

function createStopwatch() {
  let sinceMs = performance.now();
  const laps = [];
  return {
    lap(name) {
      laps.push([name, performance.now() - sinceMs]);
      sinceMs = performance.now();
    },
    describe() {
      const totalMs = laps.reduce((sum, [, ms]) => sum + ms, 0);
      const parts = laps.map(([name, ms]) => `${name} ${Math.round(ms / 1000)} s`);
      return `All of it took ${Math.round(totalMs / 1000)} s: ${parts.join(', ')}.`;
    },
  };
}

function findFreePort() {
  return new Promise((done, fail) => {
    const server = createServer().once('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}
