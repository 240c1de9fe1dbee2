import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createTestClient, type TestClient } from '../start-test-service.ts';

/** A service that can be killed without taking the test along. */
export interface ServiceProcess extends TestClient, AsyncDisposable {
  readonly url: string;
  /** Ends it by SIGKILL; resolves once it is gone. */
  kill(): Promise<void>;
}

/** Starts a service with these settings in a process of its own. */
export async function startServiceProcess(
  env: Readonly<Record<string, string>>,
): Promise<ServiceProcess> {
  const program = new URL('./service-program.ts', import.meta.url);
  const child = fork(program, [JSON.stringify(env)]);
  const kill = () => killChild(child);
  const url = await untilListening(child);
  return { ...createTestClient(url), url, kill, [Symbol.asyncDispose]: kill };
}

function untilListening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('message', (url) => resolve(String(url)));
    child.once('exit', (code, signal) =>
      reject(new Error(`the service ended with ${code ?? signal}`)),
    );
  });
}

async function killChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
