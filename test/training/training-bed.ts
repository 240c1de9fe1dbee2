import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startTestService, type TestService } from '@trainer/common/testing';
import { services } from '@trainer/services';
import { expect } from 'vitest';

const RUNTIME = fileURLToPath(new URL('../../runtime', import.meta.url));
const POLL_MS = 250;

/** A machine on which services train for real: a tiny model, its rows, and a Python. */
export class TrainingBed {
  /** What jobs may read and write. */
  readonly root: string;
  readonly model: string;
  /** Files of rows, by format. */
  readonly rows: Record<string, string>;
  readonly #folder: string;
  readonly #services: TestService[] = [];

  private constructor(folder: string) {
    this.#folder = folder;
    this.root = join(folder, 'training');
    this.model = join(this.root, 'model');
    this.rows = { jsonl: join(this.model, 'rows.jsonl'), parquet: join(this.root, 'rows.parquet') };
  }

  static async create(): Promise<TrainingBed> {
    const bed = new TrainingBed(await mkdtemp(join(tmpdir(), 'training-')));
    await mkdir(bed.root);
    const python = await bed.#writePython('python', '');
    execFileSync(python, [join(RUNTIME, 'tests/tiny_model.py'), bed.model], { stdio: 'ignore' });
    const convert = `import pyarrow.json, pyarrow.parquet, sys
pyarrow.parquet.write_table(pyarrow.json.read_json(sys.argv[1]), sys.argv[2])`;
    execFileSync(python, ['-c', convert, ...Object.values(bed.rows)]);
    return bed;
  }

  /** A service on this machine; `fault` goes wrong in its trainings, see `runtime/tests/faults`. */
  async start(
    name: string,
    { env = {}, fault = '' }: { env?: Record<string, string>; fault?: string } = {},
  ): Promise<TestService> {
    const backend = services.find((candidate) => candidate.name === name)?.backend;
    if (backend === undefined) throw new Error(`there is no service ${name}`);
    const service = await startTestService({
      backend,
      env: {
        TRAINER_JOB_RUNNER: 'local',
        TRAINER_LOCAL_DEVICE: 'cpu',
        TRAINER_LOCAL_CORES: '1',
        TRAINER_LOCAL_STATE_DIR: this.stateFolder,
        TRAINER_LOCAL_ROOTS: this.root,
        TRAINER_LOCAL_PYTHON: await this.#writePython(`python-${this.#services.length}`, fault),
        ...env,
      },
    });
    this.#services.push(service);
    return service;
  }

  get stateFolder(): string {
    return join(this.#folder, 'state');
  }

  /** Ends the services, not the bed. */
  async stop(): Promise<void> {
    for (const service of this.#services.splice(0)) await service.close();
  }

  async close(): Promise<void> {
    await this.stop();
    await rm(this.#folder, { recursive: true });
  }

  /** The package is this work tree's, whichever the environment was made by. */
  async #writePython(name: string, fault: string): Promise<string> {
    const path = join(this.#folder, name);
    const own = process.env.TRAINER_LOCAL_PYTHON ?? 'python3';
    const faults = fault === '' ? '' : `TEST_FAULT='${fault}' `;
    const packages = fault === '' ? RUNTIME : `${RUNTIME}/tests/faults:${RUNTIME}`;
    await writeFile(path, `#!/bin/sh\n${faults}PYTHONPATH='${packages}' exec '${own}' "$@"\n`);
    await chmod(path, 0o755);
    return path;
  }
}

/** Submits a job and waits for its end, which is answered. */
export async function runToEnd({ post, request }: TestService, body: { job_id: string }) {
  let answer = await post('/train', body);
  expect(answer.body).toMatchObject({ status: 'submitted' });
  while (!['succeeded', 'failed', 'cancelled'].includes(answer.body.status)) {
    // Asked more often, the service would take the core that trains.
    await setTimeout(POLL_MS);
    answer = await request(`/train/${body.job_id}`);
  }
  return answer.body;
}
