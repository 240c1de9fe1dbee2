import { isLoopbackHost } from './loopback-host.ts';
import type { SETTINGS } from './settings.ts';
import type { Config } from './to-config.ts';

/** What valid settings say against each other; none where one that counts is not valid itself. */
export function findContradictions(config: Config, isValid: (name: string) => boolean): string[] {
  return [
    ...(ACCESS.every(isValid) ? unclearAccess(config) : []),
    ...(isValid('TRAINER_CALLBACK_ALLOWED_HOSTS') ? uncheckedProxy(config) : []),
    ...(REPORTS.every(isValid) ? unheardReports(config) : []),
  ];
}

/** The settings that together say who may call. */
const ACCESS = [
  'HOST',
  'TRAINER_API_TOKEN',
  'TRAINER_API_TOKEN_FILE',
  'TRAINER_READ_TOKENS',
  'TRAINER_READ_TOKENS_FILE',
  'TRAINER_ALLOW_ANONYMOUS',
] as const satisfies readonly (keyof typeof SETTINGS)[];

function unclearAccess(config: Config): string[] {
  const hasToken = config.tokens.length > 0 || config.tokenFile !== undefined;
  const readers =
    config.readTokens.length > 0
      ? 'TRAINER_READ_TOKENS'
      : config.readTokensFile && 'TRAINER_READ_TOKENS_FILE';
  if (!hasToken && readers !== undefined) {
    return [
      `${readers} is set, but without TRAINER_API_TOKEN or TRAINER_API_TOKEN_FILE everyone ` +
        'may do everything; set one of them.',
    ];
  }
  if (config.readTokens.some((token) => config.tokens.includes(token))) {
    return [
      'TRAINER_READ_TOKENS holds a token of TRAINER_API_TOKEN, which is good for everything.',
    ];
  }
  if (hasToken || config.allowAnonymous || isLoopbackHost(config.host)) return [];
  return [
    `HOST is ${config.host}, which other machines can reach, but no token is set; set ` +
      'TRAINER_API_TOKEN or TRAINER_API_TOKEN_FILE, or TRAINER_ALLOW_ANONYMOUS=true to serve everyone.',
  ];
}

/** The settings that together say how trainings report. */
const REPORTS = [
  'PORT',
  'TRAINER_JOB_RUNNER',
  'TRAINER_REPORTS_PORT',
  'TRAINER_REPORTS_URL',
] as const satisfies readonly (keyof typeof SETTINGS)[];

function unheardReports({ runner, port, reports }: Config): string[] {
  if (reports.port !== undefined && reports.port !== 0 && reports.port === port) {
    return [`TRAINER_REPORTS_PORT is ${port}, which is PORT; reports need a port of their own.`];
  }
  if (reports.url === undefined || reports.port !== undefined || runner === 'local') return [];
  return [
    'TRAINER_REPORTS_URL is set, so that trainings report there, but nothing listens for it; set ' +
      'TRAINER_REPORTS_PORT.',
  ];
}

/** What a proxy dials cannot be checked, so the operator has to say which hosts may be. */
function uncheckedProxy({ callbacks }: Config): string[] {
  if (callbacks.proxyUrl === undefined || callbacks.allowedHosts !== undefined) return [];
  return [
    'TRAINER_CALLBACK_PROXY is set, so the addresses that webhooks resolve to cannot be checked; set ' +
      'TRAINER_CALLBACK_ALLOWED_HOSTS to the hosts that they may be at.',
  ];
}
