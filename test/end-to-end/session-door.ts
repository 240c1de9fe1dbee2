import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import { readSignature, sign, toAuthorization } from './aws-signature.ts';

const TOKEN = 'x-amz-security-token';
/** Codes of S3 for keys that are not good. */
const STATUS = { ExpiredToken: 400, InvalidToken: 400, SignatureDoesNotMatch: 403 } as const;

/** An account of the server behind, whose keys are good with a token alone. */
interface Session {
  readonly secret: string;
  readonly token: string;
}

/** Stands before an S3 server that has no sessions which a test could end. */
export class SessionDoor {
  readonly url: string;
  readonly #server: Server;
  readonly #sessions = new Map<string, Session>();
  readonly #ended = new Set<string>();

  private constructor(url: string, server: Server) {
    this.url = url;
    this.#server = server;
  }

  /** Opens a port of `host`, which leads to `port` of it. */
  static async open(host: string, port: number): Promise<SessionDoor> {
    const server = createServer();
    server.listen(0, host);
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no TCP address');
    const door = new SessionDoor(`http://${host}:${address.port}`, server);
    server.on('request', (from, answer) => {
      const passed = door.#check(from);
      if (typeof passed === 'string') refuse(from, answer, passed);
      else forward(from, answer, { host, port, headers: passed });
    });
    return door;
  }

  begin(accessKey: string, session: Session): void {
    this.#sessions.set(accessKey, session);
  }

  /** From now on its keys have expired. */
  end(accessKey: string): void {
    this.#ended.add(accessKey);
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  /** With what headers a request may pass, or the code that refuses it. */
  #check(from: IncomingMessage): readonly string[] | IncomingHttpHeaders | keyof typeof STATUS {
    const found = readSignature(from);
    const session = found && this.#sessions.get(found.accessKey);
    if (!found || !session) return from.rawHeaders;
    if (sign(from, found, session.secret) !== found.signature) return 'SignatureDoesNotMatch';
    const { [TOKEN]: token, ...headers } = from.headers;
    if (token !== session.token) return 'InvalidToken';
    if (this.#ended.has(found.accessKey)) return 'ExpiredToken';
    // The server behind takes no token that it has not given itself.
    const own = { ...found, signed: found.signed.filter((name) => name !== TOKEN) };
    const signature = sign(from, own, session.secret);
    return { ...headers, authorization: toAuthorization({ ...own, signature }) };
  }
}

function refuse(from: IncomingMessage, answer: ServerResponse, code: keyof typeof STATUS): void {
  from.resume();
  answer.writeHead(STATUS[code], { 'content-type': 'application/xml' });
  // S3 repeats the token.
  answer.end(
    `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code>` +
      `<Message>The keys are not good.</Message><Token-0>${from.headers[TOKEN]}</Token-0></Error>`,
  );
}

function forward(
  from: IncomingMessage,
  answer: ServerResponse,
  to: {
    readonly host: string;
    readonly port: number;
    readonly headers: readonly string[] | IncomingHttpHeaders;
  },
): void {
  const { method, url: path } = from;
  const asked = request({ ...to, method, path }, (found) => {
    answer.writeHead(found.statusCode ?? 502, found.rawHeaders);
    found.pipe(answer);
  });
  asked.on('error', () => answer.destroy());
  answer.on('close', () => asked.destroy());
  from.pipe(asked);
}
