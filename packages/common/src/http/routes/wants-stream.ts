const STREAM = 'text/event-stream';

/** Whether an `Accept` header asks for a stream, at least as much as for JSON. */
export function wantsStream(accept: string | undefined): boolean {
  const stream = qualityOf(accept, STREAM);
  return stream > 0 && stream >= qualityOf(accept, 'application/json');
}

/** Of a type that is named; 0 for one that is not. */
function qualityOf(accept = '', wanted: string): number {
  for (const range of accept.toLowerCase().split(',')) {
    const [type, ...parameters] = range.split(';').map((part) => part.trim());
    if (type !== wanted) continue;
    const quality = parameters.find((parameter) => parameter.startsWith('q='));
    const value = quality === undefined ? 1 : Number(quality.slice(2));
    return value >= 0 && value <= 1 ? value : 0;
  }
  return 0;
}
