import { expect, test } from 'vitest';
import { render } from '../../../../test/builders.ts';
import { toJobSpecEcho, toRenderedEcho } from './job-spec-echo.ts';

const changes = {
  'resources.gpus': 4,
  'base_model.auth_token': 'hf_abcdef',
  extra_parameters: {
    num_nodes: 2,
    container_image: 'image:1',
    command: ['python'],
    trainer_args: ['--cost', '$5', '--token=hf_abcdef'],
    trainer_env: { OWN: 'value-1' },
  },
};

test('says what the runner was handed, whole and in short', () => {
  const { manifest } = render(changes);
  const echo = toJobSpecEcho(manifest);
  expect(echo).toMatchObject({
    namespace: 'jobs',
    runtime_ref: { name: 'test-runtime' },
    image: 'image:1',
    command: ['python'],
    args: ['--cost', '$$5', '$(TRAINING_ARG_2)'],
    num_nodes: 2,
    num_proc_per_node: 2,
    resources_per_node: { limits: { 'nvidia.com/gpu': '2' } },
    env_names: expect.arrayContaining(['TRAINING_JOB_ID', 'HF_TOKEN', 'OWN', 'TRAINING_ARG_2']),
  });
  expect(echo.train_job).toEqual(manifest);
});

test('has null for what the runtime decides', () => {
  expect(toJobSpecEcho(render({ 'resources.gpus': 0 }).manifest)).toMatchObject({
    image: null,
    command: null,
    args: null,
    num_proc_per_node: null,
  });
});

test('redacts a credential even where a manifest should not have one', () => {
  const { manifest } = render({});
  const spec = { ...manifest.spec, annotations: { token: 'a', url: 'https://u:p@h/?q=s' } };
  const text = JSON.stringify(toJobSpecEcho({ ...manifest, spec }));
  expect(text).toContain('https://[redacted]@h/?[redacted]');
  expect(text).toContain('"token":"[redacted]"');
});

test('of a manifest that was just rendered it is the same, with the credentials of a request in it', () => {
  const options = { tolerations: [{ key: 'a', value: 'https://u:p@h/?q=s' }] };
  const { manifest } = render({
    ...changes,
    'base_model.weights_url': 'https://user:word@host/x?sig=1',
    'tuning_parameters.note': 'see hf_abcdef and https://u:p@host/?a=b',
    'extra_parameters.tolerations': options.tolerations,
  });
  const echo = toRenderedEcho(manifest);
  expect(JSON.stringify(echo)).toBe(JSON.stringify(toJobSpecEcho(manifest)));
  expect(JSON.stringify(echo)).toContain('https://[redacted]@h/?[redacted]');
});
