import type { CallbackSettings } from '../../requests/callback-patch.ts';
import type { DeliveriesResponse } from '../../requests/deliveries.ts';
import type { DeliveryList, ReplayAnswer } from '../../requests/delivery-list.ts';
import type { JobRequest } from '../../requests/job-request.ts';
import type { MetricsResponse } from '../../requests/metrics-response.ts';
import type { RerunInput } from '../../requests/rerun.ts';
import type { TrainingRequestInput } from '../../requests/training-request.ts';
import type { CallbackEvent, TrainingResponse } from '../../requests/training-response.ts';
import type { VersionAnswer } from '../../requests/version.ts';

const PROJECT = 's3://example-bucket/users/u1/projects/p1';

/** Requests for the description of the API: the smallest, and one that uses much. */
export const EXAMPLE_REQUESTS = {
  smallest: {
    summary: 'All that must be given',
    value: {
      job_id: 'smallest-001',
      base_model: { provider: 'huggingface', model_name: 'meta-llama/Llama-2-7b' },
      resources: { gpus: 2 },
      datasets: [{ source: `${PROJECT}/ingestion/support.jsonl`, format: 'jsonl' }],
      artifacts: { log_uri: `${PROJECT}/logs/`, output_uri: `${PROJECT}/results/` },
    },
  },
  'with-callbacks': {
    summary: 'LoRA on four GPUs, with credentials and callbacks',
    value: {
      job_id: 'unique-train-id',
      base_model: {
        provider: 'huggingface',
        model_name: 'meta-llama/Llama-2-7b',
        huggingface_token: 'hf_xxx',
      },
      customization: {
        method: 'lora',
        rank: 16,
        target_modules: ['q_proj', 'v_proj'],
        lora_alpha: 32,
        lora_dropout: 0.05,
      },
      resources: {
        gpus: 4,
        gpu_type: 'A100',
        cpus: 16,
        memory_gb: 128,
        max_duration_minutes: 720,
      },
      datasets: [
        {
          source: `${PROJECT}/ingestion/support.jsonl`,
          format: 'jsonl',
          auth: {
            aws_access_key_id: 'AKIA_EXAMPLE',
            aws_secret_access_key: 'xxx',
            aws_region: 'eu-central-1',
          },
        },
      ],
      artifacts: { log_uri: `${PROJECT}/logs/`, output_uri: `${PROJECT}/results/` },
      tuning_parameters: { learning_rate: 0.00005, batch_size: 32, num_epochs: 3 },
      callbacks: {
        webhook_url: 'https://studio.example.com/api/training/webhooks/unique-train-id',
        auth_header: 'Bearer xxx',
        event_filter: ['running', 'succeeded', 'failed', 'cancelled'],
      },
      extra_parameters: { num_nodes: 2 },
    },
  },
} satisfies Record<string, { summary: string; value: TrainingRequestInput }>;

const JOB = {
  job_id: 'unique-train-id',
  backend_job_id: 'meta-unique-tr-ab2cd3ef4gh5ij6kl7mn',
};
const CREATED = '2026-11-24T10:15:00.000Z';
const STARTED = '2026-11-24T10:17:30.000Z';
const ENDED = '2026-11-24T13:02:11.000Z';
const NOT_ENDED = { created_at: CREATED, started_at: STARTED, ended_at: null };

const METADATA: TrainingResponse['metadata'] = {
  backend: 'meta',
  warnings: [],
  job_spec: {
    namespace: 'trainer-jobs',
    runtime_ref: {
      name: 'meta-runtime',
      kind: 'ClusterTrainingRuntime',
      apiGroup: 'trainer.kubeflow.org',
    },
    num_nodes: 2,
    num_proc_per_node: 2,
    train_job: { apiVersion: 'trainer.kubeflow.org/v1alpha1', kind: 'TrainJob' },
  },
};

const CHECKPOINT = {
  step: 120,
  uri: 's3://my-bucket/results/unique-train-id/checkpoints/checkpoint-120',
  saved_at: '2026-11-24T12:40:00.000Z',
};

const QUEUED = {
  phase: 'queued',
  owner: 'service',
  started_at: CREATED,
  ended_at: STARTED,
  message: 'Accepted, and not started yet',
} as const;

const TRAINING = {
  phase: 'training',
  owner: 'training',
  started_at: STARTED,
  ended_at: ENDED,
  message: 'Training',
} as const;

/** Reruns of an ended job. */
export const EXAMPLE_RERUNS = {
  'from-checkpoint': {
    summary: 'It goes on from its last checkpoint, at another pace',
    value: {
      job_id: 'unique-train-id-r2',
      from: 'checkpoint',
      changes: { tuning_parameters: { learning_rate: 0.00002, num_epochs: 5 } },
    },
  },
  'from-start': {
    summary: 'Anew, with callbacks of its own',
    value: {
      job_id: 'unique-train-id-r3',
      from: 'start',
      changes: {
        callbacks: {
          webhook_url: 'https://studio.example.com/api/training/webhooks/unique-train-id-r3',
        },
      },
    },
  },
} satisfies Record<string, { summary: string; value: RerunInput }>;

const ACCEPTED = {
  ...JOB,
  status: 'submitted',
  reason: 'ACCEPTED',
  detail: 'Job accepted for processing',
  revision: 1,
  progress: null,
  phase: 'queued',
  phases: [{ ...QUEUED, ended_at: null, message: 'Job accepted for processing' }],
  checkpoints: [],
  result: null,
  rerun_of: null,
  reruns: [],
  timestamps: {
    created_at: CREATED,
    updated_at: CREATED,
    started_at: null,
    ended_at: null,
  },
  dashboard_url: null,
  metadata: METADATA,
} satisfies TrainingResponse;

/** One job as it is answered over its life. */
export const EXAMPLE_RESPONSES = {
  submitted: { summary: 'It was accepted', value: ACCEPTED },
  rerun: {
    summary: 'It was accepted, as a rerun of another',
    value: { ...ACCEPTED, job_id: 'unique-train-id-r2', revision: 2, rerun_of: JOB.job_id },
  },
  running: {
    summary: 'It runs, and its trainer reports progress',
    value: {
      ...JOB,
      status: 'running',
      reason: 'RUNNING',
      detail: 'Training is running',
      revision: 4,
      progress: {
        percentage: 42,
        estimated_remaining_seconds: 3600,
        metrics: { loss: 0.73, learning_rate: 0.000041 },
      },
      phase: 'training',
      phases: [QUEUED, { ...TRAINING, ended_at: null }],
      checkpoints: [CHECKPOINT],
      result: null,
      rerun_of: null,
      reruns: [],
      timestamps: { ...NOT_ENDED, updated_at: STARTED },
      dashboard_url: null,
      metadata: METADATA,
    },
  },
  cancelled: {
    summary: 'It was cancelled',
    value: {
      ...JOB,
      status: 'cancelled',
      reason: 'CANCELLED_BY_REQUEST',
      detail: 'Job cancellation requested',
      revision: 6,
      progress: null,
      phase: null,
      phases: [QUEUED, TRAINING],
      checkpoints: [CHECKPOINT],
      result: null,
      rerun_of: null,
      reruns: [],
      timestamps: { ...NOT_ENDED, updated_at: ENDED, ended_at: ENDED },
      dashboard_url: null,
      metadata: METADATA,
    },
  },
} satisfies Record<string, { summary: string; value: TrainingResponse }>;

export const EXAMPLE_METRICS = {
  training: {
    summary: 'Two metrics, one of which is measured every tenth step',
    value: {
      job_id: JOB.job_id,
      attempt: 1,
      max_steps: 300,
      series: {
        loss: {
          step: [10, 20, 30],
          time: [1795516500, 1795516560, 1795516620],
          value: [2.1, null, 1.4],
        },
        eval_loss: { step: [30], time: [1795516624], value: [1.5] },
      },
      downsampled: null,
      non_finite: { loss: 1 },
    },
  },
} satisfies Record<string, { summary: string; value: MetricsResponse }>;

const SENT = {
  ...EXAMPLE_REQUESTS.smallest.value,
  job_id: JOB.job_id,
  base_model: {
    provider: 'huggingface',
    model_name: 'meta-llama/Llama-2-7b',
    huggingface_token: '[redacted]',
  },
};

export const EXAMPLE_JOB_REQUESTS = {
  ended: {
    summary: 'A job that can be run again with its credentials',
    value: {
      job_id: JOB.job_id,
      request: SENT,
      withheld: ['base_model.huggingface_token'],
      credentials: 'kept',
      resolved_request: {
        ...EXAMPLE_REQUESTS.smallest.value,
        job_id: JOB.job_id,
        customization: { method: 'lora', lora: { rank: 16, alpha: 32, dropout: 0.05 } },
      },
    },
  },
} satisfies Record<string, { summary: string; value: JobRequest }>;

export const EXAMPLE_DELIVERIES = {
  pending: {
    summary: 'The webhook was down; another attempt is due',
    value: {
      job_id: JOB.job_id,
      outcome: 'pending',
      attempt_count: 1,
      next_attempt_at: '2026-11-24T13:02:13.000Z',
      replayed_at: null,
      attempts: [
        {
          ...{ at: ENDED, event: 'final', status: 503, duration_ms: 41 },
          error: 'The webhook answered 503.',
        },
      ],
    },
  },
} satisfies Record<string, { summary: string; value: DeliveriesResponse }>;

export const EXAMPLE_DELIVERY_LISTS = {
  expired: {
    summary: 'One that was given up, and another page',
    value: {
      data: [
        {
          ...JOB,
          state: 'expired',
          origin: 'https://studio.example.com',
          attempt_count: 17,
          last_status: 503,
          last_error: 'The webhook answered 503.',
          next_attempt_at: null,
          replayed_at: null,
          ended_at: ENDED,
        },
      ],
      has_more: true,
      next_cursor: 'WzE3OTU1MjUzMzEwMDAsIm1ldGEtdW5pcXVlIiwiZXhwaXJlZCJd',
      counts: { pending: 0, delivered: 40, gone: 0, expired: 2 },
    },
  },
} satisfies Record<string, { summary: string; value: DeliveryList }>;

export const EXAMPLE_REPLAYS = {
  some: {
    summary: 'One is sent again, one cannot be',
    value: {
      replayed: [JOB.job_id],
      refused: [
        {
          job_id: 'without-webhook',
          code: 'REPLAY_REFUSED',
          detail: 'Job without-webhook names no webhook, so there is nothing to send again.',
        },
      ],
      has_more: false,
      next_cursor: null,
    },
  },
} satisfies Record<string, { summary: string; value: ReplayAnswer }>;

export const EXAMPLE_CALLBACK_SETTINGS = {
  changed: {
    summary: 'Callbacks go elsewhere, and need another auth_header',
    value: {
      job_id: JOB.job_id,
      webhook_url: 'https://studio.example.com/api/training/webhooks/unique-train-id',
      has_auth_header: false,
      event_filter: null,
    },
  },
} satisfies Record<string, { summary: string; value: CallbackSettings }>;

export const EXAMPLE_VERSIONS = {
  'with-token': {
    summary: 'Asked with a token',
    value: {
      version: '0.1.0',
      api_level: 1,
      runner: 'kubernetes',
      cluster: '10.96.0.1:443',
      namespace: 'trainer-jobs',
    },
  },
} satisfies Record<string, { summary: string; value: VersionAnswer }>;

export const EXAMPLE_EVENTS = {
  succeeded: {
    summary: 'The end of a job',
    value: {
      ...JOB,
      status: 'succeeded',
      reason: 'COMPLETED',
      detail: 'Training completed',
      log: 'Training completed',
      progress: null,
      timestamps: { ...NOT_ENDED, updated_at: ENDED, ended_at: ENDED },
      timestamp: 1795525331,
      sequence: Number.MAX_SAFE_INTEGER,
    },
  },
} satisfies Record<string, { summary: string; value: CallbackEvent }>;
