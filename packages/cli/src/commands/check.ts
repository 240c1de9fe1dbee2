import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { defineCommand } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { printable } from '../printable.ts';
import { readRequest } from '../read-request.ts';
import { findRuntimePython } from '../runtime-python.ts';
import { UsageError } from '../usage-error.ts';

const RUNTIME = fileURLToPath(new URL('../../../../runtime', import.meta.url));

/** Exit statuses of `python -m trainer_runtime.check`: what the training itself would end with. */
const STATUS = { valid: 0, crashed: 1, storageMayComeBack: 5 } as const;

/** Lets our training runtime check the data of a request, and prints what it finds. */
export const check = defineCommand({
  name: 'check',
  subjects: ['FILE'],
  options: [],
  usage: [['check FILE', 'checks the data of a request, without training']],
  async run({ subjects: [file], json }, { env, stdin, stdout, stderr, signal }) {
    const request = await readRequest(file, stdin);
    const python = await findRuntimePython(env);
    const args = ['-P', '-m', 'trainer_runtime.check', '-', ...(json ? ['--json'] : [])];
    const child = spawn(python, args, {
      env: { ...env, PYTHONPATH: RUNTIME, PYTHONUTF8: '1' },
      signal,
    });
    // A child that ends without reading is told by its status.
    child.stdin.on('error', () => {}).end(JSON.stringify(request));
    const [found, complaints, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ]).catch((error: NodeJS.ErrnoException) => {
      if (signal.aborted) throw error;
      throw new UsageError(`The Python ${python} cannot be started (${error.code}).`);
    });
    if (code === null || code === STATUS.crashed) {
      stderr.write(printable(complaints));
      stderr.write(`The check itself failed: does ${python} have the packages of runtime/?\n`);
      return EXIT.unavailable;
    }
    stdout.write(printable(found));
    if (code === STATUS.valid) return EXIT.ok;
    return code === STATUS.storageMayComeBack ? EXIT.unavailable : EXIT.refused;
  },
});
