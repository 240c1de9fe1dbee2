import { readFile } from 'node:fs/promises';
import { startTestService } from '@trainer/common/testing';
import { CallMetrics, Registry } from '@trainer/common/testing/internals';
import { services } from '@trainer/services';
import { expect, test } from 'vitest';
import { ALERT_CASES, metricsIn, readAlerts, readQueries } from './monitoring.ts';

const alerts = await readAlerts();
const page = await readFile('docs/OPERATING.md', 'utf8');

/** What Prometheus adds to every series. */
const ADDED = ['pod'];

/** The labels of each metric that a service prints, by name. */
async function readPrinted(): Promise<Map<string, ReadonlySet<string>>> {
  await using service = await startTestService();
  await service.request('/train/nobody');
  // What only a service on a cluster prints.
  const registry = new Registry();
  registry.setDefaultLabels({ backend: 'test' });
  const calls = new CallMetrics({ now: () => 0, monotonic: () => 0, schedule: () => () => {} });
  calls.register(registry);
  calls.observe({ verb: 'get', resource: 'secrets', code: '200' }, 1);
  calls.heard({ method: 'GET', path: '/api/v1/namespaces/x/secrets' });
  const texts = [(await service.request('/metrics')).text, await registry.metrics()];
  const printed = new Map<string, Set<string>>();
  for (const [, name = '', labels = ''] of texts
    .join('\n')
    .matchAll(/^([a-z]\w*)(?:\{(.*)\})? \S+$/gm)) {
    const known = printed.get(name) ?? new Set();
    for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) known.add(label);
    printed.set(name, known);
  }
  for (const [, name = ''] of texts.join('\n').matchAll(/^# TYPE (\w+) /gm)) {
    if (!printed.has(name)) printed.set(name, new Set());
  }
  return printed;
}

const printed = await readPrinted();
const jobLabels = new Set(['status', 'reason', 'backend']);

test('alerts and dashboard read metrics that the services print', async () => {
  const queries = [...alerts.map(({ expr }) => expr), ...(await readQueries())];
  const names = queries.flatMap(metricsIn);
  expect(new Set(names).size).toBeGreaterThan(15);
  for (const name of names) expect(printed.has(name), name).toBe(true);
});

test('each alert has a case, or several, whose series are as the services print them', () => {
  const withCase = new Set(ALERT_CASES.map(({ alert }) => alert));
  expect([...withCase]).toEqual(alerts.map(({ alert }) => alert));
  for (const { series, calm } of ALERT_CASES) {
    for (const key of [...Object.keys(series), ...Object.keys(calm)]) {
      const [, name = '', labels = ''] = /^(\w+)\{(.*)\}$/.exec(key) ?? [];
      if (name === 'up') continue;
      const known = name === 'trainer_jobs_by_reason' ? jobLabels : printed.get(name);
      expect(known, name).toBeDefined();
      for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) {
        expect([...(known ?? []), ...ADDED], key).toContain(label);
      }
    }
  }
});

test('each service that is gone raises an alert of its own', () => {
  const { expr = '' } = alerts.find(({ alert }) => alert === 'TrainerDown') ?? {};
  const watched = [...expr.matchAll(/absent\(trainer_build_info\{backend="([\w-]+)"\}\)/g)];
  const names = services.map(({ name }) => name);
  expect(new Set(watched.map(([, name]) => name))).toEqual(new Set(names));
});

test('the runbook has one entry for each alert, and each alert leads to it', () => {
  const entries = [...page.matchAll(/^### (Trainer\w+)$/gm)].map(([, name]) => name);
  expect(entries).toEqual(alerts.map(({ alert }) => alert));
  for (const { alert, annotations } of alerts) {
    expect(annotations.runbook).toBe(`docs/OPERATING.md#${alert.toLowerCase()}`);
    const entry = page.split(`\n### ${alert}\n`)[1]?.split('\n#')[0] ?? '';
    for (const part of ['**Means**', '**Look**', '**Do**']) expect(entry, alert).toContain(part);
  }
});

test('the runbook has every metric of our own', () => {
  const own = [...printed.keys()].filter((name) => name.startsWith('trainer_'));
  const families = new Set(own.map((name) => name.replace(/_(bucket|sum|count)$/, '')));
  const rows = [...page.matchAll(/^\| `(trainer_\w+)` \|/gm)].map(([, name = '']) => name);
  expect(new Set(rows)).toEqual(families);
});
