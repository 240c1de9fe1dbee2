import { createLogger, createService, parseConfig } from '@trainer/common';
import { type Service, services } from '@trainer/services';

/** The OpenAPI description of several services together, as the text of a file. */
export async function describeApi(described: readonly Service[] = services): Promise<string> {
  const [first] = described;
  if (first === undefined) throw new Error('There is no service to describe.');
  const { backend } = first;
  const config = parseConfig(backend.defaults, { PORT: '0', LOG_LEVEL: 'silent' });
  const service = await createService({
    ...{ backend, config, logger: createLogger(backend.name, config) },
    describedBackends: described.map((each) => each.backend),
  });
  try {
    const response = await fetch(`${await service.listen()}/openapi.json`);
    if (!response.ok) throw new Error(`The service answers ${response.status} for /openapi.json.`);
    return `${JSON.stringify(await response.json(), null, 2)}\n`;
  } finally {
    await service.close();
  }
}
