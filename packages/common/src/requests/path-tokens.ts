/** The path of a URL, between what names the host and what follows the path. */
const PARTS = /^([^/]*\/\/[^/?#]*)([^?#]*)(.*)$/s;
/** As many characters as a token has at least; a shorter one would be found in harmless paths. */
const MIN_TOKEN_LENGTH = 20;

/**
 * The URL of a webhook with `mark` for what looks like a token in its path: many services give each
 * receiver a secret path and nothing else (`/services/T0/B0/x7Jk…`). The job's own id is none.
 */
export function replacePathTokens(url: string, jobId: string, mark: string): string {
  const [, origin = '', path = '', rest = ''] = PARTS.exec(url) ?? [];
  const segments = path.split('/').map((segment) => {
    const isOwn = segment === jobId || segment === encodeURIComponent(jobId);
    return !isOwn && isTokenLike(segment) ? mark : segment;
  });
  return `${origin}${segments.join('/')}${rest}`;
}

function isTokenLike(segment: string): boolean {
  if (segment.length < MIN_TOKEN_LENGTH) return false;
  const kinds = [/[a-z]/, /[A-Z]/, /\d/].filter((kind) => kind.test(segment));
  return kinds.length > 1;
}
