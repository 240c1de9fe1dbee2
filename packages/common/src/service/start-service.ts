import { setFlagsFromString } from 'node:v8';
import { PAGE_FOLDER } from '@trainer/page';
import closeWithGrace from 'close-with-grace';
import type { BaseTrainerBackend } from '../backends/base-trainer-backend.ts';
import { ConfigError, parseConfig } from '../config.ts';
import { readPageFiles, toPageSettings } from '../http/routes/page-files.ts';
import { createLogger } from '../logger.ts';
import { createService } from './create-service.ts';

/** V8's settings, for memory is dearer here than the collector's time; see docs/adr/0002. */
const V8_FLAGS = [
  // By how much the heap may grow beyond what is in use before it is collected: by default to up to
  // four times as much.
  '--heap-growing-percent=50',
  // What the compiler needed is freed at once, where by default up to 40 MB of it wait for ever.
  '--no-maglev-destroy-on-background',
];

/** How long what is in flight may take once the process was asked to end. */
export const CLOSE_TIMEOUT_MS = 20_000;

/**
 * Runs one service for the life of the process: reads the environment, listens, and on SIGINT or
 * SIGTERM finishes what is in flight and exits. What keeps it from starting is one sentence on
 * standard error and exit code 1.
 */
export async function startService(backend: BaseTrainerBackend): Promise<void> {
  for (const flag of V8_FLAGS) setFlagsFromString(flag);
  try {
    const config = parseConfig(backend.defaults);
    const logger = createLogger(backend.name, config);
    const pageFiles = await readPageFiles(PAGE_FOLDER, toPageSettings(backend, config));
    const service = await createService({ backend, config, logger, pageFiles });
    closeWithGrace({ delay: CLOSE_TIMEOUT_MS, logger }, async ({ err }) => {
      if (err) logger.fatal({ err }, 'closing after a fatal error');
      await service.close();
    });
    await service.listen();
  } catch (error) {
    process.stderr.write(`${explain(error, backend)}\n`);
    process.exit(1);
  }
}

function explain(error: unknown, { defaults }: BaseTrainerBackend): string {
  if (error instanceof ConfigError) return error.message;
  const { code, port, address } = error as { code?: string; port?: number; address?: string };
  if (code === 'EADDRINUSE') {
    return `Port ${port} on ${address} is taken; end what listens there, or set PORT to a free one.`;
  }
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return `Cannot listen on HOST and PORT as they are set (${code}); the default port is ${defaults.port}.`;
  }
  return error instanceof Error ? error.message : 'The service could not start.';
}
