import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { guideExample, startTestService } from '@trainer/common/testing';
import { findService } from '@trainer/services';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requireProgram } from './require-program.ts';

// Each of these cannot read 3.1, or reads it only in part.
const DESCRIPTION = fileURLToPath(new URL('../docs/openapi-3.0.json', import.meta.url));
const PROGRAMS = fileURLToPath(new URL('generated-client/', import.meta.url));
const OPENAPI_GENERATOR = 'openapi-generator-cli:7.25.0';
const MAVEN_COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy';

/** What every client tells of its way through the guide's example and one that is refused. */
const SEEN = {
  submitted: 'submitted',
  read: guideExample.job_id,
  cancelled: 'cancelled',
  problem: [400, 'INVALID_REQUEST', ['resources.gpus']],
};

let work: string;
const inWork = (...path: string[]) => join(work, ...path);

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'generators-'));
  await cp(PROGRAMS, work, { recursive: true });
});
// Go writes its modules so that nobody may change them.
afterAll(() => rm(work, { recursive: true, force: true }));

interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** Standard output of a program; rejects with all that it wrote when it fails. */
function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { cwd = work, env = {}, input = '' } = options;
  return new Promise((resolve, reject) => {
    const child = execFile(
      ...[command, args],
      { cwd, env: { ...process.env, ...env }, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`${command} ${args.join(' ')}: ${stdout}${stderr}`));
      },
    );
    child.stdin?.end(input);
  });
}

/** What a program that uses a client says, given a service that takes the guide's example. */
async function useClient(command: string, args: readonly string[], cwd?: string): Promise<unknown> {
  await using service = await startTestService({
    backend: findService('meta').backend,
    env: { TRAINER_API_TOKEN: 'right', TRAINER_MOCK_RUNNING_SECONDS: '3600' },
  });
  const env = { TRAINER_URL: service.url, TRAINER_API_TOKEN: 'right' };
  const input = JSON.stringify(guideExample);
  return JSON.parse(await run(command, args, { env, input, ...(cwd && { cwd }) }));
}

describe('Java: openapi-generator', () => {
  const generate = (language: string, out: string, properties = '') =>
    run('java', [
      ...['-jar', inWork('openapi-generator-cli-7.25.0.jar'), 'generate'],
      ...['-i', DESCRIPTION, '-g', language, '-o', out],
      `--additional-properties=packageName=trainer${properties}`,
      '--global-property=apiTests=false,modelTests=false',
    ]);

  beforeAll(async () => {
    requireProgram('java', '-version', 'a Java runtime of 11 or newer');
    requireProgram('mvn', '-version', 'Maven');
    const artifact = `-Dartifact=org.openapitools:${OPENAPI_GENERATOR}`;
    await run('mvn', ['-q', '-B', MAVEN_COPY, artifact, `-DoutputDirectory=${work}`]);
  });

  it('makes a Python client that works', async () => {
    await generate('python', inWork('openapi-generator'));
    await cp(inWork('python/openapi_generator.py'), inWork('openapi-generator/program.py'));
    const python = await installPython();
    expect(await useClient(python, [inWork('openapi-generator/program.py')])).toEqual(SEEN);
  });

  it('makes a Go client that works', async () => {
    requireProgram('go', 'version', 'Go');
    await generate('go', inWork('go/generator/trainer'), ',withGoMod=false');
    expect(await useClient('go', ['run', './generator'], inWork('go'))).toEqual(SEEN);
  });

  it('makes a TypeScript client that compiles', async () => {
    await generate('typescript-fetch', inWork('typescript'));
    const files = await readdir(inWork('typescript/models'));
    expect(files).toEqual(expect.arrayContaining(['TrainingRequest.ts', 'Problem.ts']));
    const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));
    await run(process.execPath, [
      ...[tsc, '--noEmit', '--strict', '--skipLibCheck', '--lib', 'es2022,dom'],
      ...['--module', 'esnext', '--moduleResolution', 'bundler', inWork('typescript/index.ts')],
    ]);
  });
});

describe('Python', () => {
  it('openapi-python-client makes a client that works', async () => {
    const python = await installPython();
    const folder = inWork('openapi-python-client');
    await mkdir(folder);
    const said = await run(inWork('venv/bin/openapi-python-client'), [
      ...['generate', '--path', DESCRIPTION, '--meta', 'none'],
      ...['--output-path', join(folder, 'trainer')],
      ...['--config', inWork('python/openapi-python-client.json')],
    ]);
    // It leaves out what it cannot read.
    expect(said).not.toMatch(/Unable to|Failure|removal/);
    await cp(inWork('python/openapi_python_client.py'), join(folder, 'program.py'));
    expect(await useClient(python, [join(folder, 'program.py')])).toEqual(SEEN);
  });

  it('datamodel-code-generator makes models that read and write a request', async () => {
    const python = await installPython();
    const folder = inWork('datamodel-code-generator');
    await mkdir(folder);
    await run(inWork('venv/bin/datamodel-codegen'), [
      ...['--input', DESCRIPTION, '--input-file-type', 'openapi'],
      ...['--output', join(folder, 'trainer.py')],
      ...['--output-model-type', 'pydantic_v2.BaseModel'],
    ]);
    await cp(inWork('python/datamodel_code_generator.py'), join(folder, 'program.py'));
    const input = JSON.stringify(guideExample);
    expect(JSON.parse(await run(python, [join(folder, 'program.py')], { input }))).toEqual({
      is_same: true,
      refused: ['job_id'],
    });
  });

  it('reads every pattern', async () => {
    const script = 'import json, re, sys\nfor it in json.load(sys.stdin): re.compile(it)';
    await run(await installPython(), ['-c', script], { input: await readPatterns() });
  });
});

describe('Go', () => {
  beforeAll(() => requireProgram('go', 'version', 'Go'));

  it('oapi-codegen makes a client that works', async () => {
    await mkdir(inWork('go/oapi/trainer'));
    const tool = ['tool', 'oapi-codegen', '-generate', 'types,client', '-package', 'trainer'];
    await run('go', [...tool, '-o', 'oapi/trainer/trainer.go', DESCRIPTION], { cwd: inWork('go') });
    expect(await useClient('go', ['run', './oapi'], inWork('go'))).toEqual(SEEN);
  });

  it('ogen makes a client that works', async () => {
    const tool = ['tool', 'ogen', '--package', 'trainer', '--target', 'ogen/trainer'];
    await run('go', [...tool, DESCRIPTION], { cwd: inWork('go') });
    expect(await useClient('go', ['run', './ogen'], inWork('go'))).toEqual(SEEN);
  });

  it('reads every pattern', async () => {
    const input = await readPatterns();
    expect(await run('go', ['run', './patterns'], { cwd: inWork('go'), input })).toBe('');
  });
});

/** A Python of our own that has the generators; its path. */
async function installPython(): Promise<string> {
  const python = inWork('venv/bin/python');
  venv ??= (async () => {
    requireProgram('python3', '--version', 'Python 3.11 or newer with its module venv');
    await run('python3', ['-m', 'venv', inWork('venv')]);
    const requirements = inWork('python/requirements.txt');
    await run(python, ['-m', 'pip', 'install', '--quiet', '--requirement', requirements]);
  })();
  await venv;
  return python;
}
let venv: Promise<void> | undefined;

/** The patterns of both descriptions, as JSON. */
async function readPatterns(): Promise<string> {
  const texts = await Promise.all(
    [DESCRIPTION, DESCRIPTION.replace('-3.0', '')].map((file) => readFile(file, 'utf8')),
  );
  const patterns = new Set<string>();
  const collect = (key: string, value: unknown) => {
    if (key === 'pattern' && typeof value === 'string') patterns.add(value);
    return value;
  };
  for (const text of texts) JSON.parse(text, collect);
  return JSON.stringify([...patterns]);
}
