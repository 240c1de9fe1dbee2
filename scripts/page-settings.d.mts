export function preparePage(
  services: readonly { name: string; url: string; host: string; port: string }[],
  env: Readonly<Record<string, string | undefined>>,
): { TRAINER_PEERS: string; TRAINER_CORS_ORIGINS: string };
