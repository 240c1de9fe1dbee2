import { execFile } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { LocalFixture, runPlainScript } from '@trainer/common/testing';
import { request } from 'undici';
import { startService } from './child.ts';
import { median, toTable, toText } from './table.ts';

const RUNTIME = fileURLToPath(new URL('../runtime', import.meta.url));
const POLL_MS = 50;
const STEPS = 6;
const ENDED = ['succeeded', 'failed', 'cancelled'];
const run = promisify(execFile);

/**
 * From a POST to the first step that GET tells of, against a plain TRL script from its start to its
 * first step: the same model, rows, settings and one thread, in turns. `python` is one with the
 * packages of `runtime/`.
 */
export async function measureFirstStep(python: string, { runs }: { runs: number }) {
  await using fixture = await LocalFixture.create();
  await writeFile(fixture.python, `#!/bin/sh\nPYTHONPATH='${RUNTIME}' exec '${python}' "$@"\n`);
  await chmod(fixture.python, 0o755);
  const model = join(fixture.root, 'model');
  await run(python, [join(RUNTIME, 'tests/tiny_model.py'), model]);
  await using service = await startService({ env: { ...fixture.env, TRAINER_LOCAL_CORES: '1' } });
  const pairs: { plain: number; posted: number }[] = [];
  for (let index = 0; index < runs; index += 1) {
    const times = await runPlainScript(python, fixture.folder, {
      ...{ model, rows: join(model, 'rows.jsonl'), steps: STEPS, learningRate: 0.005 },
    });
    const plain = (times.firstStep - times.began) / 1000;
    const posted = await runPosted(service.url, fixture, model, index);
    pairs.push({ plain, posted });
  }
  const ratios = pairs.map(({ plain, posted }) => posted / plain);
  return toTable(
    ['to the first step', 'plain script', 'POST', 'ratio', 'runs', 'goal'],
    [
      [
        ...[`median of ${runs}`, `${toText(median(pairs.map(({ plain }) => plain)), 1)} s`],
        `${toText(median(pairs.map(({ posted }) => posted)), 1)} s`,
        toText(median(ratios), 2),
        ratios.map((ratio) => toText(ratio, 2)).join(', '),
        '1.2',
      ],
    ],
  );
}

/** Seconds. */
async function runPosted(url: string, fixture: LocalFixture, model: string, index: number) {
  const jobId = `first-step-${index}`;
  const body = JSON.stringify({
    ...fixture.makeBody(jobId),
    base_model: { provider: 'custom', model_name: model },
    datasets: [{ source: join(model, 'rows.jsonl'), format: 'jsonl' }],
    customization: { method: 'lora', rank: 16, lora_alpha: 32, precision: 'fp32' },
    tuning_parameters: {
      ...{ learning_rate: 0.005, batch_size: 8, num_epochs: 1, max_sequence_length: 128 },
    },
    extra_parameters: { unsloth: { gradient_accumulation: 1 } },
  });
  const headers = { 'content-type': 'application/json' };
  const beganMs = performance.now();
  const posted = await request(`${url}/train`, { method: 'POST', headers, body });
  await posted.body.dump();
  let firstStepMs: number | undefined;
  for (;;) {
    const answer = await request(`${url}/train/${jobId}`);
    // biome-ignore lint/suspicious/noExplicitAny: the bench reads what it asked for.
    const job = (await answer.body.json()) as any;
    if (job.progress?.percentage > 0) firstStepMs ??= performance.now();
    if (ENDED.includes(job.status)) {
      if (firstStepMs === undefined) throw new Error(`${job.status}: ${job.detail}`);
      return (firstStepMs - beganMs) / 1000;
    }
    await delay(POLL_MS);
  }
}
