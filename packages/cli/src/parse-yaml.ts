import { type Document, isCollection, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import { UsageError } from './usage-error.ts';

const JSON_TYPES = new Set<string>(['string', 'boolean', 'number', 'symbol']);

/**
 * Parses YAML 1.2 with merge keys into what JSON can say as well.
 * @throws UsageError with the line of what is no YAML, or is nothing that JSON knows.
 */
export function parseYaml(text: string, name: string): unknown {
  const lines = new LineCounter();
  const document = parseDocument(text, { merge: true, lineCounter: lines, prettyErrors: false });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) {
    const { line, col } = lines.linePos(problem.pos[0]);
    throw new UsageError(`${name} is not valid YAML: look at line ${line}, column ${col}.`);
  }
  assertJsonValues(document, name, lines);
  const request = toValue(document, name);
  if (typeof request === 'object' && request !== null && !Array.isArray(request)) return request;
  throw new UsageError(`${name} is neither JSON nor YAML of a request.`);
}

function assertJsonValues(document: Document.Parsed, name: string, lines: LineCounter): void {
  const refuse = (offset: number | undefined, what: string): never => {
    const { line } = lines.linePos(offset ?? 0);
    throw new UsageError(`${name} holds ${what} in line ${line}, which JSON cannot say.`);
  };
  visit(document, {
    Pair: (_, { key }) => {
      if (isCollection(key)) refuse(key.range?.[0], 'a key that is no text');
    },
    Scalar: (_, { value, source, range }) => {
      // A merge key is a symbol.
      const isKnown = value === null || JSON_TYPES.has(typeof value);
      if (!isKnown) refuse(range?.[0], 'a value');
      if (typeof value !== 'number') return;
      if (!Number.isFinite(value)) refuse(range?.[0], 'a number that is infinite or none');
      const isWhole = Number.isInteger(value) && !/[.eE]/.test(source ?? '');
      if (isWhole && !Number.isSafeInteger(value)) {
        refuse(range?.[0], 'a whole number beyond 2^53');
      }
    },
    Collection: (_, { tag, range }) => {
      const isPlain = tag === undefined || /:(map|seq)$/.test(tag);
      if (!isPlain) refuse(range?.[0], 'a value');
    },
  });
}

function toValue(document: Document.Parsed, name: string): unknown {
  try {
    return isScalar(document.contents) ? undefined : document.toJS();
  } catch {
    throw new UsageError(`${name} repeats its anchors too often to be read.`);
  }
}
