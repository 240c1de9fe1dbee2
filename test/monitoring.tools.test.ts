import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { ALERT_CASES, type AlertCase, readAlertGroups, readAlerts } from './monitoring.ts';
import { promtool } from './promtool.ts';

const alerts = await readAlerts();
let folder: string;
let rules: string;

// Compiles promtool where that was never done.
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'alerts-'));
  rules = join(folder, 'rules.yaml');
  await writeFile(rules, stringify({ groups: await readAlertGroups() }));
  expect(await promtool('check', 'rules', '--lint=all', '--lint-fatal', rules)).toContain(
    'SUCCESS',
  );
}, 900_000);
afterAll(() => rm(folder, { recursive: true }));

/** Has promtool see whether an alert fires at a minute, over these series. */
async function expectAlert(
  { alert, raised }: AlertCase,
  series: Readonly<Record<string, string>>,
  minute: number,
  isFiring: boolean,
): Promise<void> {
  const rule = alerts.find((each) => each.alert === alert);
  const fired = raised.map((labels) => {
    const fill = (text: string) =>
      text.replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, (_, name: string) => labels[name] ?? '');
    const annotations = Object.entries(rule?.annotations ?? {}).map(([key, text]) => [
      key,
      fill(text),
    ]);
    return {
      exp_labels: { ...rule?.labels, ...labels },
      exp_annotations: Object.fromEntries(annotations),
    };
  });
  const file = join(folder, 'test.yaml');
  const input = Object.entries(series).map(([name, values]) => ({ series: name, values }));
  const wanted = {
    alertname: alert,
    eval_time: `${minute}m`,
    exp_alerts: isFiring ? fired : [],
  };
  const tests = [{ interval: '1m', input_series: input, alert_rule_test: [wanted] }];
  await writeFile(file, stringify({ rule_files: [rules], evaluation_interval: '1m', tests }));
  expect(await promtool('test', 'rules', file)).toContain('SUCCESS');
}

describe.each(ALERT_CASES)('$alert', (each) => {
  test('fires after its time, and not before', async () => {
    await expectAlert(each, each.series, each.afterMinutes - 1, false);
    await expectAlert(each, each.series, each.afterMinutes, true);
  });

  test('is silent while all is well', async () => {
    await expectAlert(each, each.calm, 60, false);
  });
});
