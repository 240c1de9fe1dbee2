import type { Violation } from '../errors.ts';
import { JobIdSchema } from '../requests/job-status.ts';
import type { TrainingRequest } from '../requests/training-request.ts';
import type { Rule } from './rules.ts';

const TRAINING_DATA = /^s3:\/\/deepfinery-training-data(?:-([a-z0-9-]+))?\//;
const PROJECT_FOLDER = /^users\/[A-Za-z0-9._-]+\/projects\/[A-Za-z0-9._-]+\/([a-z-]+)\//;
const TRAINED_MODEL = /^s3:\/\/deepfinery-trained-models\/[A-Za-z0-9._-]+-\d[A-Za-z0-9._:-]*(\/|$)/;
const PROJECT = /\/users\/([^/]+)\/projects\/([^/]+)(?:\/|$)/;

/** One address of a request, and where it may lie. */
interface Place {
  readonly path: string;
  readonly uri: string;
  /** Folders of a project. */
  readonly folders: readonly string[];
  /** Whether a folder of its own in the bucket of trained models will do. */
  readonly isModel: boolean;
}

/**
 * Training Studio's bucket layout (`TRAINER_S3_POLICY=studio`): every address of a request lies in
 * its folder of one user's one project, in one of the Studio's further forms, or below a prefix that
 * the operator allows.
 */
export function studioS3Layout(allowedPrefixes: readonly string[] = []): Rule {
  return {
    reads: ['base_model.weights_url', 'datasets', 'artifacts', 'extra_parameters'],
    check: (request) => {
      const places = findPlaces(request);
      const owners = places.filter(({ uri }) => PROJECT.test(uri));
      const [first] = owners.filter((place) => isAllowed(place, allowedPrefixes));
      return places.flatMap((place): Violation[] => {
        const { path } = place;
        if (!isAllowed(place, allowedPrefixes)) {
          return [{ path, message: `${path} must lie under ${describe(place, allowedPrefixes)}.` }];
        }
        if (first === undefined || !PROJECT.test(place.uri) || isSameProject(place, first)) {
          return [];
        }
        const message = `${path} must lie in the same user's project as ${first.path}.`;
        return [{ path, message }];
      });
    },
  };
}

function findPlaces({ base_model, datasets, artifacts, extra_parameters }: TrainingRequest) {
  const results = { folders: ['results'], isModel: true };
  const logs = { folders: ['logs'], isModel: true };
  const { model_uri, resume_from } = extra_parameters;
  // A job's id is looked up beside this request's own output.
  const resumed = JobIdSchema.safeParse(resume_from).success ? undefined : resume_from;
  const optional: readonly [string, unknown][] = [
    ['base_model.weights_url', base_model.weights_url],
    ['extra_parameters.model_uri', model_uri],
    ['extra_parameters.resume_from', resumed],
  ];
  return [
    ...datasets.map(({ source: uri }, index) => ({
      path: `datasets[${index}].source`,
      uri,
      folders: ['ingestion', 'training-input'],
      isModel: false,
    })),
    { path: 'artifacts.log_uri', uri: artifacts.log_uri, ...logs },
    { path: 'artifacts.output_uri', uri: artifacts.output_uri, ...results },
    ...optional.flatMap(([path, uri]) =>
      typeof uri === 'string' ? [{ path, uri, ...results }] : [],
    ),
  ] satisfies Place[];
}

function isAllowed({ uri, folders, isModel }: Place, prefixes: readonly string[]): boolean {
  // Object stores take "..", but what lists or copies a prefix may resolve it.
  if (/(^|\/)\.{1,2}(\/|$)/.test(uri.replace(/^[^/]*:\/\//, ''))) return false;
  if (prefixes.some((prefix) => isBelow(uri, prefix))) return true;
  if (isModel && TRAINED_MODEL.test(uri)) return true;
  const bucket = TRAINING_DATA.exec(uri)?.[0];
  if (bucket === undefined) return false;
  const key = uri.slice(bucket.length);
  if (folders.includes('training-input') && key.startsWith('training-input/')) return true;
  return folders.includes(PROJECT_FOLDER.exec(key)?.[1] ?? '');
}

function isBelow(uri: string, prefix: string): boolean {
  if (prefix.endsWith('/')) return uri.startsWith(prefix);
  return uri === prefix || uri.startsWith(`${prefix}/`);
}

function isSameProject(left: Place, right: Place): boolean {
  const [ours, theirs] = [left, right].map(({ uri }) => ({
    project: PROJECT.exec(uri)?.slice(1, 3).join('/'),
    account: TRAINING_DATA.exec(uri)?.[1],
  }));
  if (ours?.project !== theirs?.project) return false;
  // One of the Studio's buckets has no account in its name.
  const isKnown = ours?.account !== undefined && theirs?.account !== undefined;
  return !isKnown || ours?.account === theirs?.account;
}

function describe({ folders, isModel }: Place, prefixes: readonly string[]): string {
  const root = 's3://deepfinery-training-data-<account>/users/<userId>/projects/<projectId>';
  return [
    ...folders.map((folder) => `${root}/${folder}/`),
    ...(isModel ? ['s3://deepfinery-trained-models/<name>-<time>/'] : []),
    ...(prefixes.length > 0 ? ['a prefix that the operator allows'] : []),
  ].join(' or ');
}
