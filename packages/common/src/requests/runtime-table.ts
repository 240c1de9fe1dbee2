// Written by `npm run runtime:table` from runtime/settings.json: change runtime/ instead.

/** What our training runtime acts on, how it splits a batch, and the codes of its ends. */
export const RUNTIME_TABLE = {
  "tuningParameters": [
    "seed",
    "max_steps",
    "lr_scheduler_type",
    "logging_steps",
    "max_grad_norm",
    "packing",
    "optim",
    "adam_beta1",
    "adam_beta2",
    "adam_epsilon"
  ],
  "tuningAliases": {
    "learning_rate": [
      "lr"
    ],
    "batch_size": [
      "global_batch_size",
      "train_batch_size"
    ],
    "micro_batch_size": [
      "per_device_train_batch_size",
      "per_device_batch_size",
      "train_micro_batch_size_per_gpu"
    ],
    "num_epochs": [
      "num_train_epochs",
      "epochs",
      "n_epochs",
      "max_epochs"
    ],
    "max_sequence_length": [
      "max_seq_length",
      "max_seq_len",
      "max_length",
      "sequence_len",
      "seq_length",
      "cutoff_len",
      "model_max_length"
    ],
    "warmup_ratio": [
      "warmup_fraction"
    ]
  },
  "peftConfig": [
    "peft_type",
    "task_type",
    "r",
    "lora_alpha",
    "lora_dropout",
    "target_modules",
    "exclude_modules",
    "modules_to_save",
    "bias",
    "use_rslora",
    "use_dora",
    "init_lora_weights",
    "rank_pattern",
    "alpha_pattern"
  ],
  "maxMicroBatch": 8,
  "reasons": [
    "CONFIG_INVALID",
    "DATASET_INVALID",
    "DATASET_UNAVAILABLE",
    "GPU_UNAVAILABLE",
    "ENGINE_UNAVAILABLE",
    "MODEL_UNAVAILABLE",
    "MODEL_INCOMPATIBLE",
    "OUT_OF_MEMORY",
    "LOSS_NOT_FINITE",
    "CHECKPOINT_MISMATCH",
    "UPLOAD_FAILED",
    "STALLED",
    "STOPPED",
    "INTERNAL"
  ],
  "operatorVariables": [
    "TRAINER_ADDRESS_POLICY",
    "TRAINER_ATTEMPT",
    "TRAINER_CHECKPOINT_MINUTES",
    "TRAINER_COMPARISON",
    "TRAINER_DEVICE",
    "TRAINER_ENGINE_FALLBACK",
    "TRAINER_GRACE_SECONDS",
    "TRAINER_JOB_UID",
    "TRAINER_LOCAL_ALLOWED_HOSTS",
    "TRAINER_LOCAL_ROOTS",
    "TRAINER_PARENT_PID",
    "TRAINER_PROCESSES",
    "TRAINER_REPORTS_TOKEN",
    "TRAINER_REPORTS_URL",
    "TRAINER_REPORTS_URL_FILE",
    "TRAINER_RESTARTS",
    "TRAINER_STACKS_SECONDS",
    "TRAINER_STALL_MINUTES",
    "TRAINER_STATUS_FILE",
    "TRAINER_TERMINATION_FILE",
    "TRAINER_WORK_DIR",
    "TRAINER_WORKSPACE"
  ]
} as const;
