import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const VERSION = 'v1.8.0';
const MODULE = `github.com/versity/versitygw/cmd/versitygw@${VERSION}`;

/** Of the one account that may do all. */
export const S3_KEYS = {
  aws_access_key_id: 'root-access-key',
  aws_secret_access_key: 'root-secret-key-0123456789',
  aws_region: 'us-east-1',
};

/** A real S3 server; its buckets are folders of this machine. */
export class S3Server {
  readonly endpoint: string;
  readonly #folder: string;
  readonly #server: ChildProcess;

  private constructor(endpoint: string, folder: string, server: ChildProcess) {
    this.endpoint = endpoint;
    this.#folder = folder;
    this.#server = server;
  }

  static async start(host: string, port: number): Promise<S3Server> {
    const binary = await buildServer();
    const folder = await mkdtemp(join(tmpdir(), 's3-'));
    const places = ['buckets', 'accounts', 'meta'].map((name) => join(folder, name));
    for (const place of places) await mkdir(place);
    const [buckets = '', accounts = '', meta = ''] = places;
    const server = spawn(
      binary,
      [
        ...['--port', `${host}:${port}`, '--region', S3_KEYS.aws_region, '--iam-dir', accounts],
        ...['--access', S3_KEYS.aws_access_key_id, '--secret', S3_KEYS.aws_secret_access_key],
        // Metadata beside the files: not every test machine's file system has extended attributes.
        // Keys that are taken away are refused at once.
        '--iam-cache-disable',
        ...['--quiet', 'posix', '--sidecar', meta, buckets],
      ],
      { stdio: 'ignore' },
    );
    const endpoint = `http://${host}:${port}`;
    await untilAnswers(endpoint, server);
    return new S3Server(endpoint, folder, server);
  }

  /** The folder of a bucket, which is made if it is not there. */
  async bucket(name: string): Promise<string> {
    const folder = join(this.#folder, 'buckets', name);
    await mkdir(folder, { recursive: true });
    return folder;
  }

  /** Keys of an account of their own, good until they are taken away. */
  async giveKeys(name: string): Promise<typeof S3_KEYS> {
    const aws_secret_access_key = `${name}-secret-key-0123456789`;
    const account = ['--access', name, '--secret', aws_secret_access_key, '--role', 'admin'];
    await this.#administer('create-user', ...account);
    return { ...S3_KEYS, aws_access_key_id: name, aws_secret_access_key };
  }

  async takeKeys({ aws_access_key_id }: typeof S3_KEYS): Promise<void> {
    await this.#administer('delete-user', '--access', aws_access_key_id);
  }

  async close(): Promise<void> {
    this.#server.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #administer(...command: string[]): Promise<void> {
    const { aws_access_key_id, aws_secret_access_key } = S3_KEYS;
    const root = ['--access', aws_access_key_id, '--secret', aws_secret_access_key];
    const endpoint = ['--endpoint-url', this.endpoint, '--region', S3_KEYS.aws_region];
    await run(await buildServer(), ['admin', ...root, ...endpoint, ...command]);
  }
}

/** Once, into the cache that the runtime's own tests use. */
async function buildServer(): Promise<string> {
  const cache = process.env.TRAINER_TEST_CACHE ?? join(homedir(), '.cache/trainer-runtime-tests');
  const binary = join(cache, `versitygw-${VERSION}`);
  if (existsSync(binary)) return binary;
  const bin = join(cache, 'bin');
  await mkdir(bin, { recursive: true });
  const env = { ...process.env, GOBIN: bin, GOFLAGS: '-mod=mod' };
  await run('go', ['install', MODULE], { env, cwd: cache });
  await rename(join(bin, 'versitygw'), binary);
  return binary;
}

async function untilAnswers(endpoint: string, server: ChildProcess): Promise<void> {
  while (server.exitCode === null) {
    const answer = await fetch(endpoint).catch(() => undefined);
    if (answer !== undefined) return;
    await sleep(50);
  }
  throw new Error(`the S3 server at ${endpoint} ended`);
}
