import { Gauge, type Registry } from 'prom-client';

/** How many read now, by what they read. */
export interface ReaderCounts {
  readonly job: number;
  readonly jobs: number;
  readonly logs: number;
  readonly poll: number;
}

/** Answers that last: streams of one job and of many, logs, and polls that wait. */
export function registerReaderMetrics(registry: Registry, countReaders: () => ReaderCounts): void {
  new Gauge({
    name: 'trainer_open_streams',
    help: 'Readers of streams of one job (job) and of many (jobs), of logs (logs), and of polls that wait (poll)',
    labelNames: ['kind'],
    registers: [registry],
    collect() {
      for (const [kind, count] of Object.entries(countReaders())) this.set({ kind }, count);
    },
  });
}
