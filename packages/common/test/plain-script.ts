import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const SCRIPT = fileURLToPath(new URL('../../../runtime/plain_trl.py', import.meta.url));
const run = promisify(execFile);

/** A LoRA training in fp32 of rank 16, with batches of 8 rows. */
export interface PlainTraining {
  /** A folder. */
  readonly model: string;
  /** A file of JSON lines. */
  readonly rows: string;
  readonly steps: number;
  readonly learningRate: number;
}

/** When each stage of a plain training was over, in the order in which they come; UNIX milliseconds. */
export interface PlainTimes {
  readonly began: number;
  /** Python runs the script's first line. */
  readonly started: number;
  readonly imported: number;
  /** Model and tokenizer. */
  readonly loaded: number;
  readonly read: number;
  /** The trainer, with rows as tokens. */
  readonly built: number;
  readonly firstStep: number;
}

/**
 * Runs a plain TRL script on this machine, on one thread, as a training to compare ours with.
 * `python` is one with the packages of `runtime/`; what the script writes goes to `folder`.
 */
export async function runPlainScript(
  python: string,
  folder: string,
  { model, rows, steps, learningRate }: PlainTraining,
): Promise<PlainTimes> {
  const out = join(folder, 'plain.json');
  const settings = join(folder, 'settings.json');
  await writeFile(
    settings,
    JSON.stringify({
      ...{ model, rows, out, method: 'lora', precision: 'fp32', cpu: true },
      ...{ steps, micro: 8, accumulation: 1, length: 128, learning_rate: learningRate },
    }),
  );
  const began = Date.now();
  await run(python, ['-P', SCRIPT, settings], {
    env: { ...process.env, OMP_NUM_THREADS: '1', HF_HUB_OFFLINE: '1' },
  });
  const told = JSON.parse(await readFile(out, 'utf8'));
  const toMs = (seconds: number) => seconds * 1000;
  return {
    began,
    started: toMs(told.started),
    imported: toMs(told.imported),
    loaded: toMs(told.loaded),
    read: toMs(told.read),
    built: toMs(told.built),
    firstStep: toMs(told.steps[0][1]),
  };
}
