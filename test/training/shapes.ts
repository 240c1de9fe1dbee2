import { guideExample } from '@trainer/common/testing';

/** What real clients send, one for each way to ask, and the service that takes it. */
export const SHAPES: readonly {
  readonly name: string;
  readonly service: 'nemo' | 'meta' | 'hf-unsloth';
  // biome-ignore lint/suspicious/noExplicitAny: bodies are what a client writes.
  readonly body: any;
}[] = [
  {
    name: 'NeMo, LoRA by its default shape, an image of its own',
    service: 'nemo',
    body: {
      job_id: 'nemo-shape-001',
      base_model: { provider: 'nemo', model_name: 'nemotron-4-340b', revision: 'main' },
      datasets: [{ source: 's3://example-bucket/ingestion/nemo.jsonl', format: 'jsonl' }],
      customization: { method: 'lora', precision: 'bf16' },
      resources: {
        ...{ gpus: 8, gpu_type: 'H100', cpus: 48, memory_gb: 512, max_duration_minutes: 1440 },
      },
      artifacts: {
        log_uri: 's3://example-bucket/logs/nemo-shape-001/',
        output_uri: 's3://example-bucket/results/',
      },
      tuning_parameters: {
        ...{ learning_rate: 0.0001, batch_size: 128, num_epochs: 2, warmup_ratio: 0.05 },
        max_sequence_length: 8192,
      },
      extra_parameters: { container_image: 'nvcr.io/nvidia/nemo:24.03' },
      callbacks: {
        webhook_url: 'https://studio.example.com/api/jobs/status',
        auth_header: 'Bearer of-nobody',
      },
    },
  },
  {
    name: 'Meta, all weights, Parquet',
    service: 'meta',
    body: {
      job_id: 'meta-shape-001',
      base_model: { provider: 'meta', model_name: 'Llama-3-70b' },
      datasets: [{ source: 's3://example-bucket/ingestion/meta.parquet', format: 'parquet' }],
      customization: { method: 'full', precision: 'bf16' },
      resources: {
        ...{ gpus: 8, gpu_type: 'A100', cpus: 64, memory_gb: 512, max_duration_minutes: 720 },
      },
      artifacts: {
        log_uri: 's3://example-bucket/logs/meta-shape-001/',
        output_uri: 's3://example-bucket/results/',
      },
      tuning_parameters: {
        ...{ learning_rate: 0.00015, batch_size: 256, num_epochs: 1, warmup_ratio: 0.1 },
        max_sequence_length: 4096,
      },
      extra_parameters: { executor: 'torchrun' },
      callbacks: {
        webhook_url: 'https://studio.example.com/api/jobs/status',
        auth_header: 'Bearer of-nobody',
      },
    },
  },
  {
    name: 'Hugging Face, QLoRA with Unsloth’s options',
    service: 'hf-unsloth',
    body: {
      job_id: 'hf-unsloth-shape-001',
      base_model: {
        provider: 'huggingface',
        model_name: 'NousResearch/Meta-Llama-3-8B',
        auth_token: 'hf_of_nobody',
        huggingface_token: 'hf_of_nobody_else',
      },
      datasets: [{ source: 's3://example-bucket/ingestion/hf.jsonl', format: 'jsonl' }],
      customization: { method: 'qlora', precision: 'bf16' },
      resources: {
        ...{ gpus: 2, gpu_type: 'L4', cpus: 16, memory_gb: 128, max_duration_minutes: 360 },
      },
      artifacts: {
        log_uri: 's3://example-bucket/logs/hf-unsloth-shape-001/',
        output_uri: 's3://example-bucket/results/',
      },
      tuning_parameters: {
        ...{ learning_rate: 0.0002, batch_size: 64, num_epochs: 3, warmup_ratio: 0.1 },
        max_sequence_length: 4096,
      },
      extra_parameters: {
        unsloth: {
          ...{ optimize_long_context: true, quantization: 'bnb-nf4', gradient_accumulation: 8 },
        },
      },
      callbacks: {
        webhook_url: 'https://studio.example.com/api/jobs/status',
        auth_header: 'Bearer of-nobody',
      },
    },
  },
  { name: 'the guide’s example', service: 'meta', body: guideExample },
];

/** The same with a model, rows and places of a machine of one's own, and nothing else changed. */
export function moveTo(
  body: (typeof SHAPES)[number]['body'],
  { model, rows, folder }: { model: string; rows: Record<string, string>; folder: string },
) {
  const { container_image: _image, ...extra } = body.extra_parameters ?? {};
  return {
    ...body,
    base_model: { ...body.base_model, model_name: model },
    datasets: body.datasets.map((dataset: { format: string }) => ({
      ...dataset,
      source: rows[dataset.format],
    })),
    artifacts: { ...body.artifacts, log_uri: `${folder}/logs`, output_uri: `${folder}/results` },
    ...(body.extra_parameters !== undefined && { extra_parameters: extra }),
  };
}
