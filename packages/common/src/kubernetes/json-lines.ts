import { parsePrivateJson } from '../private-json.ts';

const NEWLINE = 10;

/**
 * Yields the values of a stream of JSON texts, one a line; ends with the stream.
 * @throws SyntaxError for a line that is no JSON, without repeating the line.
 */
export async function* readJsonLines(chunks: AsyncIterable<Buffer>): AsyncIterable<unknown> {
  let rest: Buffer[] = [];
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      rest.push(chunk.subarray(from, end));
      from = end + 1;
      const line = Buffer.concat(rest).toString();
      rest = [];
      if (line.trim() !== '') yield parseLine(line);
    }
    if (from < chunk.length) rest.push(chunk.subarray(from));
  }
  if (rest.length > 0) yield parseLine(Buffer.concat(rest).toString());
}

function parseLine(line: string): unknown {
  return parsePrivateJson(line, 'a line of the stream');
}
