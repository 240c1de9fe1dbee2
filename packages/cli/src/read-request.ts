import { readFile } from 'node:fs/promises';
import type { Input } from './cli-context.ts';
import { UsageError } from './usage.ts';

/**
 * Reads a request from a JSON or YAML file, or from `stdin` for `-`.
 * @throws UsageError when there is none; the sentence repeats nothing of the content.
 */
export async function readRequest(path: string, stdin: Input): Promise<unknown> {
  const text = path === '-' ? await readAll(stdin) : await readText(path);
  try {
    return JSON.parse(text);
  } catch {
    return parseYaml(text, path);
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new UsageError(`${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}

async function readAll(stdin: Input): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stdin) chunks.push(Buffer.from(chunk as string));
  return Buffer.concat(chunks).toString();
}

async function parseYaml(text: string, path: string): Promise<unknown> {
  const { parse } = await import('yaml');
  let request: unknown;
  try {
    request = parse(text);
  } catch {}
  if (typeof request === 'object' && request !== null && !Array.isArray(request)) return request;
  throw new UsageError(
    `${path === '-' ? 'Standard input' : path} is neither JSON nor YAML of a request.`,
  );
}
