import type { Secrets } from '../../jobs/job-environment.ts';
import type { LocalPlan } from './local-plan.ts';
import { MARK } from './process-facts.mjs';
import type { RunFolder } from './run-folder.ts';
import type { RunRow } from './run-row.ts';
import type { SlotPool } from './slot-pool.ts';

/** Of the service's own environment, what a training may have: no token and no setting of ours. */
export const INHERITED = [
  ...['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'LC_ALL', 'LC_CTYPE', 'TZ', 'TMPDIR'],
  ...['LD_LIBRARY_PATH', 'CUDA_HOME', 'CUDA_PATH'],
  // Hub, proxies and certificates are the operator's choice, never a request's.
  ...['HF_HOME', 'HF_ENDPOINT', 'HF_HUB_CACHE', 'HF_HUB_OFFLINE', 'HF_TOKEN_PATH'],
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'],
  ...['SSL_CERT_FILE', 'SSL_CERT_DIR', 'REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE', 'AWS_CA_BUNDLE'],
];

export interface TrainerEnvironmentParts {
  readonly row: RunRow;
  readonly plan: LocalPlan;
  readonly folder: RunFolder;
  readonly pool: SlotPool;
  readonly secrets: Secrets;
  /** The service's own environment. */
  readonly base: Readonly<Record<string, string | undefined>>;
  readonly roots: readonly string[];
  readonly allowedHosts: readonly string[];
  readonly graceMs: number;
  /** Where the service writes at which URL it takes reports. */
  readonly reportsUrlFile: string;
}

/**
 * The environment of a run's processes, which is the only way that credentials take to them. What
 * the runner itself sets stands last, so that no variable of a request replaces it.
 */
export function buildTrainerEnvironment(parts: TrainerEnvironmentParts): Record<string, string> {
  const { row, plan, folder, pool, base, roots, allowedHosts, graceMs, reportsUrlFile } = parts;
  const inherited = INHERITED.flatMap((name) => {
    const value = base[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...Object.fromEntries(inherited),
    ...resolveVariables(plan, parts.secrets),
    [MARK]: row.runId,
    CUDA_VISIBLE_DEVICES: pool.device === 'gpu' ? row.slots.join(',') : '',
    // Otherwise a file of the folder that it is started in could take a module's place.
    PYTHONSAFEPATH: '1',
    PYTHONUNBUFFERED: '1',
    TRAINER_ATTEMPT: '1',
    TRAINER_JOB_UID: row.recordUid,
    TRAINER_PROCESSES: String(Math.max(1, row.slots.length)),
    // One process a core: threads for all cores in each would stand in each other's way.
    ...(pool.device === 'cpu' && { TRAINER_DEVICE: 'cpu', OMP_NUM_THREADS: '1' }),
    TRAINER_ENGINE_FALLBACK: 'trl',
    TRAINER_GRACE_SECONDS: String(graceMs / 1000),
    TRAINER_REPORTS_URL_FILE: reportsUrlFile,
    TRAINER_STATUS_FILE: folder.at('status.json'),
    TRAINER_TERMINATION_FILE: folder.at('termination'),
    TRAINER_WORK_DIR: folder.at('work'),
    // What Kubeflow's initializers bring; nothing does here, whatever the machine has there.
    TRAINER_WORKSPACE: folder.at('workspace'),
    // Empty would mean that every folder may be used.
    TRAINER_LOCAL_ROOTS: roots.length > 0 ? roots.join(':') : folder.at('work'),
    TRAINER_ADDRESS_POLICY: 'public',
    TRAINER_LOCAL_ALLOWED_HOSTS: allowedHosts.join(','),
  };
}

/** The plan's variables with their values; one whose secret is gone is left out. */
export function resolveVariables({ variables }: LocalPlan, secrets: Secrets) {
  return Object.fromEntries(
    variables.flatMap((variable) => {
      const value = 'value' in variable ? variable.value : secrets[variable.secretKey];
      return value === undefined ? [] : [[variable.name, value] as const];
    }),
  );
}
