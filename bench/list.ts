import { startService } from './child.ts';
import { fill } from './fill.ts';
import { toTable, toText } from './table.ts';

const MODELS = ['meta-llama/Llama-2-7b', 'Qwen/Qwen3-8B', 'mistralai/Mistral-7B-v0.3'];
const TEAMS = 7;

/** What a page of the list costs one service that keeps many jobs, by what is asked for. */
export async function measureList(options: { jobs: number; reads: number }): Promise<string> {
  const { jobs, reads } = options;
  await using service = await startService({ env: { TRAINER_MAX_JOBS: String(jobs) } });
  const { url } = service;
  await fill(url, jobs, (index) => ({
    base_model: { provider: 'huggingface', model_name: MODELS[index % MODELS.length] },
    extra_parameters: { job_labels: { team: `team-${index % TEAMS}` } },
  }));
  await service.usage({ collectGarbage: true });
  const { next_cursor } = await read(`${url}/train`);
  const asked: [string, string][] = [
    ['all', ''],
    ['by status', 'status=running'],
    ['by model', `model=${encodeURIComponent(MODELS[0] ?? '')}`],
    ['by label', 'label[team]=team-3'],
    ['by phase', 'phase=training'],
    ['that nobody has', 'model=none'],
    ['second page', `cursor=${encodeURIComponent(String(next_cursor))}`],
  ];
  const rows = [];
  for (const [name, query] of asked) {
    const times: number[] = [];
    for (let index = 0; index < reads; index += 1) {
      const began = performance.now();
      await read(`${url}/train?${query}`);
      times.push(performance.now() - began);
    }
    times.sort((one, other) => one - other);
    const quantile = (share: number) => times[Math.ceil(share * reads) - 1] ?? Number.NaN;
    const toMs = (value: number) => `${toText(value, 1)} ms`;
    rows.push([name, toMs(quantile(0.5)), toMs(quantile(0.99)), '< 50 ms']);
  }
  return toTable([`a page of ${toText(jobs)} jobs`, 'p50', 'p99', 'goal of p99'], rows);
}

async function read(url: string): Promise<{ readonly next_cursor: string | null }> {
  const response = await fetch(url);
  if (response.status !== 200) throw new Error(`GET ${url} was answered with ${response.status}.`);
  return (await response.json()) as { readonly next_cursor: string | null };
}
