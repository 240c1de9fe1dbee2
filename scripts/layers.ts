/**
 * The levels of packages/common/src, lowest first; a new file or folder is added here. A file
 * imports only from its own folder and from lower levels, so a top-level file also from the
 * top-level files of its own level.
 */
export const levels = [
  [
    'error-codes.ts',
    'errors.ts',
    'clock.ts',
    'backoff.ts',
    'emitter.ts',
    'deadline-queue.ts',
    'dns-names.ts',
    'fifo.ts',
    'recent-cache.ts',
    'json-bytes.ts',
    'to-json-text.ts',
    'work-queue.ts',
    'private-json.ts',
    'runner-names.ts',
  ],
  ['config/'],
  ['version.ts', 'config.ts', 'requests/'],
  ['logger.ts', 'metrics.ts'],
  ['jobs/'],
  ['logs/'],
  ['kubernetes/'],
  ['stores/secrets/', 'stores/sqlite/', 'runners/kubeflow/trainjob/'],
  ['runners/mock/', 'runners/local/', 'runners/kubeflow/status/'],
  ['runners/kubeflow/diagnosis/'],
  ['runners/kubeflow/'],
  ['callbacks/http/', 'reports/'],
  ['callbacks/'],
  ['controller/'],
  ['backends/'],
  ['plans/'],
  ['http/openapi/', 'http/plugins/'],
  ['http/routes/'],
  ['http/'],
  ['service/'],
  ['index.ts'],
];
