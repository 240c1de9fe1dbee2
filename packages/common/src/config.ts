import { findContradictions } from './config/contradictions.ts';
import type { Setting } from './config/setting.ts';
import { SETTINGS } from './config/settings.ts';
import { type Config, type ServiceDefaults, toConfig, type Values } from './config/to-config.ts';

export { type GpuPlacement, SETTINGS } from './config/settings.ts';
export type { Config, ServiceDefaults } from './config/to-config.ts';

/** The environment does not describe a service that can run; the message says all that is wrong. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * Validates `env` (by default the process's) into a Config.
 * @throws ConfigError naming every bad variable and what it accepts.
 */
export function parseConfig(
  defaults: ServiceDefaults,
  env: Record<string, string | undefined> = process.env,
): Config {
  const problems: string[] = [];
  const changed: Record<string, string> = {};
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries<Setting<unknown>>(SETTINGS)) {
    const raw = env[name] === '' ? undefined : env[name];
    const result = setting.schema.safeParse(raw);
    if (result.success) {
      values[name] = result.data;
      const byDefault = JSON.stringify(setting.schema.safeParse(undefined).data);
      const isChanged = raw !== undefined && JSON.stringify(result.data) !== byDefault;
      if (isChanged) changed[name] = setting.secret ? '(set)' : raw;
    } else {
      const shown = setting.secret ? 'is not valid' : `is ${JSON.stringify(raw)}`;
      problems.push(`${name} ${shown}; it must be ${setting.accepts}.`);
    }
  }
  const config = toConfig(values as Values, defaults, changed);
  problems.push(...findContradictions(config, (name) => name in values));
  if (problems.length > 0) throw new ConfigError(problems.join(' '));
  return config;
}

/** Those of the process's own variables that are named and set. */
export function inheritEnvironment(
  names: readonly string[],
  env: Record<string, string | undefined> = process.env,
): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])),
  );
}
