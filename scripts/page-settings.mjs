const THIS_MACHINE = new Set(['127.0.0.1', '0.0.0.0', '::', '::1', 'localhost']);

/**
 * What makes the page of each of several services show the jobs of all: they are each other's
 * peers, and each lets in pages of exactly these addresses. What the user has set stands.
 */
export function preparePage(services, env) {
  const origins = services.flatMap(({ url, host, port }) =>
    // A browser takes these for two origins, and people type either.
    THIS_MACHINE.has(host) ? [url, `http://localhost:${port}`] : [url],
  );
  const given = env.TRAINER_CORS_ORIGINS ? [env.TRAINER_CORS_ORIGINS] : [];
  return {
    TRAINER_PEERS: env.TRAINER_PEERS || services.map(({ name, url }) => `${name}=${url}`).join(','),
    TRAINER_CORS_ORIGINS: [...given, ...new Set(origins)].join(','),
  };
}
