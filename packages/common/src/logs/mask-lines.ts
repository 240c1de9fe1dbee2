import { isLogEnd, type LogItem } from '../jobs/log-line.ts';
import type { SecretMask } from '../jobs/secret-mask.ts';
import type { SecretStream } from '../jobs/secret-stream.ts';

/** Takes a job's credentials out of its lines, also where one is cut into pieces. */
export async function* maskLines(
  items: AsyncIterable<LogItem>,
  mask: SecretMask,
): AsyncGenerator<LogItem> {
  /** By node, since the pieces of a line come between those of other nodes. */
  const streams = new Map<number, SecretStream | undefined>();
  for await (const item of items) {
    if (isLogEnd(item)) yield item;
    else {
      if (!streams.has(item.node)) streams.set(item.node, mask.openStream());
      const stream = streams.get(item.node);
      const { text } = item;
      const shown = item.isPartial ? stream?.push(text) : stream?.end(text);
      yield { ...item, text: shown ?? text };
    }
  }
}
