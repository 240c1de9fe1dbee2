import { createLogger, createService, parseConfig } from '@trainer/common';
import { MetaBackend } from '@trainer/services';

/** The OpenAPI description as a service serves it, as the text of a file. */
export async function describeApi(): Promise<string> {
  // All services serve the same.
  const backend = new MetaBackend();
  const config = parseConfig(backend.defaults, { PORT: '0', LOG_LEVEL: 'silent' });
  const service = await createService({
    backend,
    config,
    logger: createLogger(backend.name, config),
  });
  try {
    const response = await fetch(`${await service.listen()}/openapi.json`);
    if (!response.ok) throw new Error(`The service answers ${response.status} for /openapi.json.`);
    return `${JSON.stringify(await response.json(), null, 2)}\n`;
  } finally {
    await service.close();
  }
}
