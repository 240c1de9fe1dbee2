/** The usage guide's example without its callback: every section, LoRA, credentials. */
const EXAMPLE = {
  base_model: {
    provider: 'huggingface',
    model_name: 'meta-llama/Llama-2-7b',
    revision: 'main',
    auth_token: 'hf_xxx',
    huggingface_token: 'hf_launchpad_token',
    weights_url: null,
  },
  customization: {
    method: 'lora',
    rank: 16,
    target_modules: ['q_proj', 'v_proj'],
    lora_alpha: 32,
    lora_dropout: 0.05,
    trainable_layers: ['decoder.layers.0'],
    precision: 'bf16',
    qlora: { use_double_quant: true, bnb_4bit_compute_dtype: 'bfloat16' },
    peft: { use: true, config: { task_type: 'CAUSAL_LM' } },
  },
  resources: { gpus: 4, gpu_type: 'A100', cpus: 16, memory_gb: 128, max_duration_minutes: 720 },
  datasets: [
    {
      source:
        's3://deepfinery-training-data-123456/users/e468b458-c061-70ca-966f-bb439ffde5e3/projects/6925ccd958905b1e58631d2c/ingestion/1764106730023-tx_aml_dataset.jsonl',
      format: 'jsonl',
      auth: { role_arn: 'arn:aws:iam::123:role/FineTune' },
    },
  ],
  artifacts: {
    log_uri:
      's3://deepfinery-training-data-123456/users/e468b458-c061-70ca-966f-bb439ffde5e3/projects/6925ccd958905b1e58631d2c/logs/job-id/',
    status_stream_url: 'https://events.internal/job-id',
    output_uri:
      's3://deepfinery-training-data-123456/users/e468b458-c061-70ca-966f-bb439ffde5e3/projects/6925ccd958905b1e58631d2c/results/',
  },
  tuning_parameters: {
    learning_rate: 0.0002,
    batch_size: 64,
    num_epochs: 3,
    warmup_ratio: 0.1,
    gradient_checkpointing: true,
    max_sequence_length: 4096,
  },
};

/** The body of a POST for `jobId`, with further sections if given. */
export function toBody(jobId: string, further: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({ job_id: jobId, ...EXAMPLE, ...further });
}
