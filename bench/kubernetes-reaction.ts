import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import type { TestCluster } from '@trainer/common/testing/cluster';
import { Client } from 'undici';
import type { Child } from './child.ts';
import type { KubernetesFixture } from './kubernetes-fixture.ts';
import { type STATUSES, submitJobs, writeStatus } from './kubernetes-jobs.ts';
import { toTable, toText } from './table.ts';

type Status = keyof typeof STATUSES;
type Told = (told: { job_id: string; status: string }) => void;

/** How one status was seen, in milliseconds from the sending of the call that wrote it. */
interface Reaction {
  readonly written: number;
  readonly seen: number;
}

/**
 * From the change of a TrainJob's status to the answer and to the webhook that tell of it, one
 * change after the other, among so many running jobs which each have a webhook.
 */
export async function measureReaction(
  fixture: KubernetesFixture,
  { jobs, changes }: { jobs: number; changes: number },
): Promise<string> {
  const cluster = await fixture.openNamespace();
  await using receiver = await Receiver.open();
  await using service = await fixture.startService(cluster);
  await submitJobs(service, 'live', jobs, () => ({ callbacks: { webhook_url: receiver.url } }));
  await receiver.until(jobs);

  const rows: string[][] = [];
  const measure = async (what: string, from: number, see: See, goal: string) => {
    for (const status of ['running', 'succeeded'] as const) {
      const all: Reaction[] = [];
      for (let index = from; index < from + changes; index += 1) {
        all.push(await react(cluster, service, `live-${index}`, status, see));
      }
      rows.push(toRow(`${what}, ${status}`, all, goal));
    }
  };
  await measure('new answer of GET', 1, (id, status) => untilAnswered(service, id, status), '');
  await measure('webhook', changes + 1, (id, status) => receiver.told(id, status), 'p99 < 100 ms');
  await cluster.close();
  return toTable(
    [
      `${toText(jobs)} live jobs, ${changes} changes each`,
      'p50',
      'p99',
      'largest',
      'p50 of the write',
      'goal',
    ],
    rows,
  );
}

type See = (id: string, status: Status) => Promise<void>;

async function react(
  cluster: TestCluster,
  service: Child,
  id: string,
  status: Status,
  see: See,
): Promise<Reaction> {
  const answer = await fetch(`${service.url}/train/${id}`);
  const { backend_job_id: name } = (await answer.json()) as { backend_job_id: string };
  const began = performance.now();
  const seen = see(id, status).then(() => performance.now() - began);
  await writeStatus(cluster, name, status);
  const written = performance.now() - began;
  return { written, seen: await seen };
}

/** Asks again and again, as fast as the answers come. */
async function untilAnswered(service: Child, id: string, status: Status): Promise<void> {
  const client = new Client(service.url);
  for (;;) {
    const { body } = await client.request({ method: 'GET', path: `/train/${id}` });
    if (((await body.json()) as { status: string }).status === status) break;
  }
  await client.close();
}

function toRow(what: string, all: readonly Reaction[], goal: string): string[] {
  const at = (values: readonly number[], share: number) =>
    `${toText(values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * share)] ?? 0, 1)} ms`;
  const seen = all.map((reaction) => reaction.seen);
  const written = all.map((reaction) => reaction.written);
  return [what, at(seen, 0.5), at(seen, 0.99), at(seen, 1), at(written, 0.5), goal];
}

/** A webhook in this process, whose clock is the one that measures. */
class Receiver implements AsyncDisposable {
  readonly url: string;
  readonly #close: () => Promise<void>;
  readonly #heard = new Set<string>();
  readonly #listeners = new Set<Told>();

  private constructor(url: string, close: () => Promise<void>) {
    this.url = url;
    this.#close = close;
  }

  static async open(): Promise<Receiver> {
    const server = createServer((incoming, outgoing) => {
      void json(incoming).then((told) => {
        outgoing.writeHead(204).end();
        receiver.#hear(told as Parameters<Told>[0]);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const receiver = new Receiver(`http://127.0.0.1:${port}/`, async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    });
    return receiver;
  }

  /** Resolves once so many jobs have told of themselves. */
  async until(jobs: number): Promise<void> {
    while (this.#heard.size < jobs) await this.#next(() => true);
  }

  told(id: string, status: string): Promise<void> {
    return this.#next((told) => told.job_id === id && told.status === status);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  #hear(told: Parameters<Told>[0]): void {
    this.#heard.add(told.job_id);
    for (const listener of this.#listeners) listener(told);
  }

  #next(matches: (told: Parameters<Told>[0]) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const listener: Told = (told) => {
        if (!matches(told)) return;
        this.#listeners.delete(listener);
        resolve();
      };
      this.#listeners.add(listener);
    });
  }
}
