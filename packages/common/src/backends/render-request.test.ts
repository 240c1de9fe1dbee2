import { expect, test } from 'vitest';
import { makeBody, makeConfig } from '../../test/builders.ts';
import { TestBackend } from '../../test/start-test-service.ts';
import { renderRequest } from './render-request.ts';

const backend = new TestBackend();
const render = (changes: Record<string, unknown>) =>
  renderRequest(backend, makeBody(changes), makeConfig());

test('shows the TrainJob of a body, names its credentials and holds none', () => {
  const rendered = render({ 'base_model.huggingface_token': 'hf_secret' });
  expect(rendered.manifest).toMatchObject({ kind: 'TrainJob' });
  expect(rendered.secretKeys).toEqual(['HF_TOKEN']);
  expect(JSON.stringify(rendered)).not.toContain('hf_secret');
});

test('warns of what the service and what the cluster do not act on', () => {
  const { warnings } = render({ learing_rate: 1, 'extra_parameters.priority_class_name': 'high' });
  expect(warnings).toHaveLength(2);
  expect(warnings[0]).toContain('learing_rate');
  expect(warnings[1]).toContain('priority_class_name');
});

test('refuses what the service refuses', () => {
  expect(() => render({ job_id: '' })).toThrow(/job_id/);
});
