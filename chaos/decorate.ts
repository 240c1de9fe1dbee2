import type { ServiceParts } from '@trainer/common';

/** What stands between a service and its cluster and webhooks. */
export type Decorate = NonNullable<ServiceParts['decorate']>;

/** `outer` around `inner`, which is nearer to the real things. */
export function nest(outer: Decorate, inner: Decorate): Decorate {
  return {
    platform: (platform) => outer.platform(inner.platform(platform)),
    webhookClient: (client) => outer.webhookClient(inner.webhookClient(client)),
  };
}

/** Classes with private fields cannot be spread, and their other methods need their own `this`. */
export function override<T extends object>(target: T, methods: Partial<T>): T {
  return new Proxy(target, {
    get: (_, key) => {
      const own = (methods as Record<PropertyKey, unknown>)[key];
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
