import { expect, test } from 'vitest';
import { identifyRequest } from './asked-forms.ts';
import { REQUEST_FORMAT } from './parse-training-request.ts';
import { nameResumeDifferences } from './resume-differences.ts';

const REQUEST = {
  job_id: 'job-1',
  base_model: { provider: 'meta', model_name: 'meta-llama/Llama-2-7b' },
  datasets: [{ source: 's3://b/rows.jsonl', format: 'jsonl' }],
  artifacts: { log_uri: 's3://b/logs', output_uri: 's3://b/out' },
};

/** The canonical form of a request with these changes. */
function ask(changes: Record<string, unknown>) {
  const { request, body } = REQUEST_FORMAT.parse({ ...REQUEST, ...changes });
  if (request === undefined) throw new Error('the request is not valid');
  return identifyRequest(body, request).asked.second ?? {};
}

test.each([
  [{}, { job_id: 'job-2', tuning_parameters: { num_epochs: 9 }, resources: { gpus: 4 } }],
  [{}, { base_model: { ...REQUEST.base_model, revision: 'main' } }],
  [{}, { customization: { method: 'lora', rank: 16, target_modules: 'all-linear' } }],
  [{ customization: { rank: 8 } }, { customization: { method: 'peft', lora: { rank: 8 } } }],
  [
    { customization: { target_modules: ['a', 'b'] } },
    { customization: { lora: { target_modules: ['b', 'a'] } } },
  ],
  [
    { customization: { method: 'full', rank: 8 } },
    { customization: { method: 'full', target_modules: ['q_proj'] } },
  ],
])('a checkpoint of %j fits %j', (kept, asked) => {
  expect(nameResumeDifferences(ask(kept), ask(asked))).toEqual([]);
});

test.each([
  [{ base_model: { provider: 'meta', model_name: 'other/model' } }, ['base_model.model_name']],
  [{ base_model: { ...REQUEST.base_model, revision: 'v2' } }, ['base_model.revision']],
  [
    { base_model: { ...REQUEST.base_model, weights_url: 'https://h/w?sig=1' } },
    ['base_model.weights_url'],
  ],
  [{ customization: { method: 'qlora' } }, ['customization.method']],
  [{ customization: { precision: 'int8' } }, ['customization.method']],
  [
    { customization: { rank: 8, target_modules: ['q_proj'] } },
    ['customization.rank', 'customization.target_modules'],
  ],
  [
    { customization: { peft: { use: true, config: { bias: 'all' } } } },
    ['customization.peft.config'],
  ],
  [{ customization: { trainable_layers: ['head'] } }, ['customization.trainable_layers']],
])('a checkpoint of the plain request does not fit %j', (asked, differing) => {
  expect(nameResumeDifferences(ask({}), ask(asked))).toEqual(differing);
});
