import { readdirSync, readFileSync } from 'node:fs';
import { services } from '@trainer/services';

/** A place where the services write a line into their log. */
export interface LogCall {
  readonly file: string;
  /** As the code says what the line holds besides its message. */
  readonly fields: string;
  /** What the line may say; `…` stands for what is known at run time alone. */
  readonly messages: readonly string[];
  /** Whether only who debugs sees it. */
  readonly isForDebugging: boolean;
}

const CALL = /\b(?:logger|log)\??(?:\.(?:debug|info|warn|error|fatal)|\[[^\]]+\])\(|\blogAsked\(/g;
const LITERAL = /'([^'\n]+)'|`([^`]+)`/g;
const ROOT = new URL('../', import.meta.url);
const FOLDERS = [
  'packages/common/src/',
  ...services.map(({ name }) => `services/${name}-api/src/`),
];

/** Every place of the services' code that logs. */
export function readLogCalls(): LogCall[] {
  return readFiles().flatMap(({ file, text }) => findCalls(file, text));
}

/** The services' code, a text a file. */
export function readSources(): string[] {
  return readFiles().map(({ text }) => text);
}

function readFiles(): { readonly file: string; readonly text: string }[] {
  return FOLDERS.map((folder) => new URL(folder, ROOT)).flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
      .map((file) => ({ file, text: readFileSync(new URL(file, folder), 'utf8') })),
  );
}

/** What a writer of reports is given to say when it fails. */
const FAILURE = /const failure = '([^']+)';/g;

function findCalls(file: string, text: string): LogCall[] {
  const failures = [...text.matchAll(FAILURE)].map(([, message = '']) => ({
    ...{ file, fields: 'job', messages: [message], isForDebugging: false },
  }));
  const calls = [...text.matchAll(CALL)].map(({ 0: call, index }) => {
    const [first = '', second = '', third = ''] = splitArguments(text, index + call.length);
    const isAsked = call.startsWith('logAsked');
    // A message that has a name is a constant of the same file.
    const [, constant = ''] =
      new RegExp(`const ${/^\w+$/.exec(second) ?? '-'} =([^;]*);`).exec(text) ?? [];
    const said = constant === '' ? second : constant;
    return {
      file,
      fields: isAsked ? `job ${third}` : first,
      messages: [...said.matchAll(LITERAL)].map(([, plain, template = '']) =>
        (plain ?? template).replaceAll(/\$\{[^}]*\}/g, '…'),
      ),
      isForDebugging: call.includes('.debug'),
    };
  });
  return [...failures, ...calls];
}

/** The arguments of a call whose bracket ends before `from`. */
function splitArguments(text: string, from: number): string[] {
  const parts = [''];
  let depth = 1;
  for (const [piece] of text.slice(from).matchAll(/'[^'\n]*'|`[^`]*`|[\s\S]/g)) {
    if ('([{'.includes(piece)) depth += 1;
    if (')]}'.includes(piece)) depth -= 1;
    if (depth === 0) break;
    if (depth === 1 && piece === ',') parts.push('');
    else parts[parts.length - 1] += piece;
  }
  return parts.map((part) => part.trim());
}
