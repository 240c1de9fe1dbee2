import type { Violation } from '../errors.ts';
import type { Rule } from './rules.ts';

const STUDIO_URI =
  /^s3:\/\/(deepfinery-training-data-[a-z0-9-]+)\/users\/([A-Za-z0-9._-]+)\/projects\/([A-Za-z0-9._-]+)\/(ingestion|logs|results)\//;

/**
 * Training Studio's bucket layout (`TRAINER_S3_POLICY=studio`): datasets, logs and outputs under
 * one user's one project, each in its own folder.
 */
export const studioS3Layout: Rule = {
  reads: ['datasets', 'artifacts'],
  check: ({ datasets, artifacts }) => {
    const places = [
      ...datasets.map(({ source }, index) =>
        place(`datasets[${index}].source`, source, 'ingestion'),
      ),
      place('artifacts.log_uri', artifacts.log_uri, 'logs'),
      place('artifacts.output_uri', artifacts.output_uri, 'results'),
    ];
    const first = places.find(({ project }) => project !== undefined);
    return places.flatMap(({ path, folder, ...found }): Violation[] => {
      if (found.project === undefined) {
        const layout = `s3://deepfinery-training-data-<account>/users/<userId>/projects/<projectId>/${folder}/`;
        return [{ path, message: `${path} must lie under ${layout}.` }];
      }
      if (found.project === first?.project) return [];
      return [{ path, message: `${path} must lie in the same user's project as ${first?.path}.` }];
    });
  },
};

function place(path: string, uri: string, folder: string) {
  const match = STUDIO_URI.exec(uri);
  // Object stores take "..", but what lists or copies a prefix may resolve it.
  const isInside = match?.[4] === folder && !/(^|\/)\.{1,2}(\/|$)/.test(uri.slice('s3://'.length));
  return { path, folder, project: isInside ? match.slice(1, 4).join('/') : undefined };
}
