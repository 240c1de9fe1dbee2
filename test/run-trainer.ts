import { runCli } from '@trainer/cli';

export interface RunOptions {
  /** Called with each text on standard output. */
  readonly onOutput?: (text: string) => void;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly isTTY?: boolean;
  /** Of the terminal; none by default, as where the output goes to a file. */
  readonly columns?: number;
  readonly signal?: AbortSignal;
}

/** Runs `trainer` with these arguments, in this process. */
export async function runTrainer(args: readonly string[], options: RunOptions = {}) {
  const { env = {}, stdin = '', isTTY, columns, signal, onOutput } = options;
  const written = { stdout: '', stderr: '' };
  const output = (name: keyof typeof written) => ({
    write: (text: string) => {
      written[name] += text;
      if (name === 'stdout') onOutput?.(text);
    },
    ...(isTTY && { isTTY }),
    ...(columns !== undefined && { columns }),
  });
  const code = await runCli(args, {
    env,
    stdin: (async function* () {
      yield Buffer.from(stdin);
    })(),
    stdout: output('stdout'),
    stderr: output('stderr'),
    signal: signal ?? new AbortController().signal,
  });
  return { code, ...written };
}
