import type { BaseTrainerBackend } from '@trainer/common';
import * as registry from './registry.ts';

/** A service of this repository: a backend, and the folder that holds all that is its own. */
export interface Service {
  readonly name: string;
  /** Below `services/`; also the name of its image and of its Kubernetes objects. */
  readonly folder: string;
  readonly port: number;
  readonly backend: BaseTrainerBackend;
}

const backends = Object.values(registry).map((Backend) => new Backend());

/** Every service of the registry, by port; each knows the extra parameters of all. */
export const services: readonly Service[] = Object.values(registry)
  .map((Backend) => {
    const siblings = backends.filter((backend) => !(backend instanceof Backend));
    return toService(new Backend(siblings));
  })
  .sort((one, other) => one.port - other.port);

/** @throws Error that names the services there are. */
export function findService(name: string): Service {
  const found = services.find((service) => service.name === name);
  if (found !== undefined) return found;
  const known = services.map((service) => service.name).join(', ');
  throw new Error(`There is no service '${name}': use ${known}.`);
}

function toService(backend: BaseTrainerBackend): Service {
  const { name, defaults } = backend;
  return { name, folder: `${name}-api`, port: defaults.port, backend };
}
