import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { findFreePort } from '@trainer/common/testing';
import { SessionDoor } from './session-door.ts';

const run = promisify(execFile);
const VERSION = 'v1.8.0';
const MODULE = `github.com/versity/versitygw/cmd/versitygw@${VERSION}`;

/** Of the one account that may do all. */
export const S3_KEYS = {
  aws_access_key_id: 'root-access-key',
  aws_secret_access_key: 'root-secret-key-0123456789',
  aws_region: 'us-east-1',
};

type SessionKeys = typeof S3_KEYS & { readonly aws_session_token: string };

/** A real S3 server; its buckets are folders of this machine. */
export class S3Server {
  readonly endpoint: string;
  readonly #folder: string;
  readonly #server: ChildProcess;
  readonly #door: SessionDoor;

  private constructor(door: SessionDoor, folder: string, server: ChildProcess) {
    this.endpoint = door.url;
    this.#door = door;
    this.#folder = folder;
    this.#server = server;
  }

  static async start(host: string): Promise<S3Server> {
    const port = Number(await findFreePort());
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
        ...['--quiet', 'posix', '--sidecar', meta, buckets],
      ],
      { stdio: 'ignore' },
    );
    await untilAnswers(`http://${host}:${port}`, server);
    return new S3Server(await SessionDoor.open(host, port), folder, server);
  }

  /** The folder of a bucket, which is made if it is not there. */
  async bucket(name: string): Promise<string> {
    const folder = join(this.#folder, 'buckets', name);
    await mkdir(folder, { recursive: true });
    return folder;
  }

  /** Keys of a session, which are good with their token alone, and until it ends. */
  async beginSession(name: string): Promise<SessionKeys> {
    const aws_secret_access_key = `${name}-secret-key-0123456789`;
    const aws_session_token = `${name}-session-token-0123456789`;
    const account = ['--access', name, '--secret', aws_secret_access_key, '--role', 'admin'];
    await this.#administer('create-user', ...account);
    this.#door.begin(name, { secret: aws_secret_access_key, token: aws_session_token });
    return { ...S3_KEYS, aws_access_key_id: name, aws_secret_access_key, aws_session_token };
  }

  /** From now on its keys have expired. */
  endSession({ aws_access_key_id }: SessionKeys): void {
    this.#door.end(aws_access_key_id);
  }

  async close(): Promise<void> {
    await this.#door.close();
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
