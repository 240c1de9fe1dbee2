/** One event of a stream, as the wire has it. */
export interface WireEvent {
  readonly event: string | undefined;
  readonly id: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: what it holds is what tests are about.
  readonly data: any;
  /** Of a block that is no event: a comment, or `retry`. */
  readonly text: string;
}

export interface OpenedStream extends AsyncDisposable {
  readonly status: number;
  readonly headers: Headers;
  /** The next block of lines that is wanted, an event by default; undefined once the stream has ended. */
  next(isWanted?: (event: WireEvent) => boolean): Promise<WireEvent | undefined>;
  /** All that still comes until its end. */
  rest(): Promise<WireEvent[]>;
}

/** Opens a stream, or any other answer to the same request. */
export async function openStream(
  url: string,
  headers: Record<string, string> = {},
): Promise<OpenedStream> {
  const leaving = new AbortController();
  const {
    status,
    headers: answered,
    body,
  } = await fetch(url, {
    headers: { accept: 'text/event-stream', ...headers },
    signal: leaving.signal,
  });
  const blocks = body === null ? undefined : readBlocks(body);
  const next: OpenedStream['next'] = async (isWanted = ({ event }) => event !== undefined) => {
    for (;;) {
      const block = await blocks?.next();
      if (block === undefined || block.done) return undefined;
      const event = parseBlock(block.value);
      if (isWanted(event)) return event;
    }
  };
  return {
    status,
    headers: answered,
    next,
    rest: async () => {
      const all: WireEvent[] = [];
      for (let event = await next(); event !== undefined; event = await next()) all.push(event);
      return all;
    },
    [Symbol.asyncDispose]: async () => leaving.abort(),
  };
}

async function* readBlocks(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let text = '';
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      yield text.slice(0, end);
      text = text.slice(end + 2);
    }
  }
}

function parseBlock(text: string): WireEvent {
  const fields = new Map(
    text.split('\n').map((line): [string, string] => {
      const [name = '', ...value] = line.split(': ');
      return [name, value.join(': ')];
    }),
  );
  const data = fields.get('data');
  return {
    event: fields.get('event'),
    id: fields.get('id'),
    data: data === undefined ? undefined : JSON.parse(data),
    text,
  };
}
