import { RecentCache } from '../recent-cache.ts';
import { findCredentialFields, namesOf } from './credential-fields.ts';
import { readShape } from './schema-shape.ts';
import { TrainingRequestSchema } from './training-request.ts';

/** The credentials that a request of the shared schema may carry. */
export const REQUEST_CREDENTIALS = findCredentialFields(readShape(TrainingRequestSchema));

const FIELDS = new Set(namesOf(REQUEST_CREDENTIALS));
/** Names that people give to secrets in the parts of a request whose keys are not ours. */
const FREE_NAME =
  /(^|[-_.])(secret|password|passwd|credentials?|authorization|api[-_]?key|(access|private|secret)[-_]?key|(?<!(pad|eos|bos|unk|sep|cls|mask|special|max|image|img|video|audio)[-_])token)$/i;
/** Of what is remembered or looked at. */
const MAX_NAME_LENGTH = 64;

/** Asked of every text of every request, and the names are few. */
const knownNames = new RecentCache<boolean>({ maxSize: 2000 });

export function isCredentialName(key: string): boolean {
  return key.length > MAX_NAME_LENGTH ? judgeName(key) : knownNames.memo(key, judgeName);
}

function judgeName(key: string): boolean {
  // The end of a name decides; `hubToken` is read as `hub_Token`.
  const name = key.slice(-MAX_NAME_LENGTH).replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2');
  return FIELDS.has(key) || FREE_NAME.test(name);
}
