/**
 * Parses JSON that may hold credentials: messages of `JSON.parse` quote the text around a fault, and
 * would take them to the log.
 * @throws SyntaxError saying of `what` alone that it is not JSON.
 */
export function parsePrivateJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new SyntaxError(`${what} is not JSON`);
  }
}
