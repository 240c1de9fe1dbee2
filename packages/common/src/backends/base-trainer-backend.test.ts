import { describe, expect, test } from 'vitest';
import { makeBody, makeConfig } from '../../test/builders.ts';
import { TestBackend } from '../../test/start-test-service.ts';
import type { Rule } from './rules.ts';

const backend = new TestBackend();
const prepare = (changes: Record<string, unknown> = {}, env: Record<string, string> = {}) =>
  backend.prepare(makeBody(changes), makeConfig(env));
const violationsOf = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    return (error as { violations: { path: string }[] }).violations.map(({ path }) => path);
  }
  return [];
};

describe('a body that is fine', () => {
  test('becomes a job of this backend, with what identifies it', () => {
    const { spec, asked, fingerprints, callback, warnings } = prepare();
    expect(spec).toMatchObject({ jobId: 'job-1', backend: backend.name });
    expect(asked).toMatchObject({ first: { job_id: 'job-1' }, second: { job_id: 'job-1' } });
    expect(fingerprints.fingerprint).toMatch(/./);
    expect(callback).toBeUndefined();
    expect(warnings).toEqual([]);
  });

  test('names a webhook, with what belongs to it', () => {
    const callbacks = {
      webhook_url: 'https://studio.test/hook',
      auth_header: 'Bearer x',
      event_filter: ['failed'],
    };
    expect(prepare({ callbacks }).callback).toEqual({
      webhookUrl: 'https://studio.test/hook',
      authHeader: 'Bearer x',
      eventFilter: ['failed'],
    });
    expect(prepare({ callbacks: {} }).callback).toBeUndefined();
  });

  test('is warned of what the schema does not know', () => {
    const { warnings } = prepare({ learing_rate: 1 });
    expect(warnings).toEqual([expect.stringContaining('learing_rate')]);
  });
});

describe('a body that is not fine', () => {
  const outside = { 'extra_parameters.job_labels': { 'a b': 'x' } };

  test('is told the violations of schema and rules at once', () => {
    const changes = { ...outside, 'tuning_parameters.learning_rate': -1 };
    expect(violationsOf(() => prepare(changes))).toEqual([
      'tuning_parameters.learning_rate',
      'extra_parameters.job_labels.a b',
    ]);
  });

  test('is no job either when the rules alone refuse it', () => {
    expect(violationsOf(() => prepare(outside))).toEqual(['extra_parameters.job_labels.a b']);
  });

  test('is told those of the schema where it is too wrong for any rule', () => {
    expect(violationsOf(() => backend.prepare('text', makeConfig()))).toHaveLength(1);
  });

  test('may also break rules of a service, of settings and of a runner', () => {
    const studio = { TRAINER_S3_POLICY: 'studio' };
    expect(violationsOf(() => prepare({}, studio))).toEqual([
      'datasets[0].source',
      'artifacts.log_uri',
      'artifacts.output_uri',
    ]);
    const allowed = { ...studio, TRAINER_S3_ALLOWED_PREFIXES: 's3://bucket/' };
    expect(violationsOf(() => prepare({}, allowed))).toEqual([]);

    const withSecret = {
      'extra_parameters.trainer_env': {
        A: { valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
      },
    };
    expect(violationsOf(() => prepare(withSecret))).toEqual(['extra_parameters.trainer_env.A']);
    expect(violationsOf(() => prepare(withSecret, { TRAINER_ALLOWED_SECRETS: 's' }))).toEqual([]);

    const types = { TRAINER_GPU_TYPES: '{"A100": {"nodeSelector": {"gpu": "a100"}}}' };
    const onOthers = {
      'resources.gpu_type': 'A100',
      'extra_parameters.node_selector': { gpu: 'b' },
    };
    expect(violationsOf(() => prepare(onOthers, types))).toEqual([
      'extra_parameters.node_selector.gpu',
    ]);

    const path = 'extra_parameters.mock';
    const further: Rule = { reads: [path], check: () => [{ path, message: 'Not here.' }] };
    const work = () => backend.prepare(makeBody(), makeConfig(), [further]);
    expect(violationsOf(work)).toEqual([path]);
  });
});
