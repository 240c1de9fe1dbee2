import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import type { Input } from './cli-context.ts';
import { UsageError } from './usage-error.ts';

/**
 * Reads a request from a JSON or YAML file, or from `stdin` for `-`. A text that begins with `{` or
 * `[` is JSON; so nothing that was meant as such is read as YAML, where faults hide settings.
 * @throws UsageError when there is none; the sentence repeats nothing of the content.
 */
export async function readRequest(path: string, stdin: Input): Promise<unknown> {
  const name = path === '-' ? 'Standard input' : path;
  const text = decode(path === '-' ? await readAll(stdin) : await readBytes(path), name);
  if (/^\s*[{[]/.test(text)) return parseJson(text, name);
  const { parseYaml } = await import('./parse-yaml.ts');
  return parseYaml(text, name);
}

async function readBytes(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new UsageError(`${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}

async function readAll(stdin: Input): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stdin) chunks.push(Buffer.from(chunk as string));
  return Buffer.concat(chunks);
}

function decode(bytes: Buffer, name: string): string {
  const [first, second] = bytes;
  const isMarked = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  if (isMarked || (bytes.length > 1 && (first === 0) !== (second === 0))) {
    throw new UsageError(`${name} is UTF-16; save it as UTF-8.`);
  }
  if (!isUtf8(bytes)) throw new UsageError(`${name} is not UTF-8; save it as UTF-8.`);
  return bytes.toString().replace(/^\uFEFF/, '');
}

async function parseJson(text: string, name: string): Promise<unknown> {
  const { examineJson } = await import('@trainer/common/requests');
  const { fault, roundedIntegers, infiniteNumbers } = examineJson(text);
  if (fault !== undefined) {
    throw new UsageError(
      `${name} is not valid JSON: look at line ${fault.line}, column ${fault.column}.`,
    );
  }
  const [rounded] = roundedIntegers;
  if (rounded !== undefined) {
    throw new UsageError(
      `${name} holds a whole number beyond 2^53 in line ${rounded.line}, which would be rounded; write it as a text.`,
    );
  }
  const [infinite] = infiniteNumbers;
  if (infinite !== undefined) {
    throw new UsageError(
      `${name} holds a number beyond 1.8e308 in line ${infinite.line}, which would become null; write it as a text.`,
    );
  }
  return JSON.parse(text);
}
