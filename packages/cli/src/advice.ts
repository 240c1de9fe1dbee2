/** What people do about a reason, as far as there is anything to do; docs/KUBERNETES.md has the rest. */
export const ADVICE: Readonly<Record<string, string>> = {
  ACCEPTED:
    'Wait. If it stays so for minutes, tell the operator: nobody leads, or Kubeflow Trainer does not run.',
  QUEUED: 'Wait for its turn, or end a job that is ahead of it.',
  WAITING_FOR_QUOTA:
    "Wait for jobs in the queue to end, end one, or have the operator raise the queue's quota.",
  QUEUE_CAPACITY_EXCEEDED:
    'Waiting is in vain: ask for less of what the sentence names, name another extra_parameters.queue_name, or have the quota raised.',
  QUEUE_MISCONFIGURED:
    'Waiting is in vain: name a queue that is there in extra_parameters.queue_name, under a new job_id, or have the operator make this one take it.',
  INITIALIZING: 'Wait: large models take minutes.',
  PENDING: 'Wait: images are pulled and processes started, which may take minutes.',
  INSUFFICIENT_RESOURCES:
    'Ask for fewer GPUs, less memory or another resources.gpu_type, or have nodes added.',
  VOLUME_UNBOUND:
    'Have the operator give the claim a StorageClass, or make the claim that is named.',
  QUOTA_EXCEEDED: 'Wait for other jobs to end, or have the quota of the namespace raised.',
  IMAGE_PULLING:
    'Wait: large images take minutes. If it takes longer, have the operator look at the node.',
  IMAGE_PULL_FAILED: 'Correct the image, or have the operator mend the access to its registry.',
  POD_BLOCKED: 'Have the operator mend what the sentence names: a volume, a Secret, the network.',
  RUNTIME_REJECTED: "Have the operator correct the runtime, or the namespace's policies.",
  RUNNING: 'Nothing: it trains.',
  PREEMPTED: 'Wait: it goes on from its last checkpoint when its queue lets it.',
  COMPLETED: 'Nothing: the model lies where the result says.',
  TRAINING_FAILED: 'Read the log of the training.',
  CONFIG_INVALID: 'Correct the request, and submit it under a new job_id.',
  DATASET_INVALID: 'Correct the rows that are named; trainer check FILE tries the data beforehand.',
  DATASET_UNAVAILABLE:
    'Correct the address of the data or its credentials; trainer check FILE tries.',
  GPU_UNAVAILABLE: "Submit it again; if it recurs, have the operator look at the node's driver.",
  ENGINE_UNAVAILABLE: 'Choose another image, or another method.',
  MODEL_UNAVAILABLE: "Correct the model's name or revision, or the token for its hub.",
  MODEL_INCOMPATIBLE: 'Give the model in the form that the sentence names.',
  OUT_OF_MEMORY:
    'Ask for more resources.memory_gb or smaller batches; trainer plan FILE estimates the memory.',
  LOSS_NOT_FINITE: 'Take a lower learning rate, or another precision.',
  CHECKPOINT_MISMATCH: 'Go on from a checkpoint that fits, or start anew without resume_from.',
  UPLOAD_FAILED: 'Correct artifacts.output_uri or its credentials, which may have expired.',
  STALLED: 'Read the stacks in the log of the training: they show where it stood.',
  STOPPED: 'Find out who sent the signal; resume_from goes on from its last checkpoint.',
  POD_FAILED: 'Read the log of the training.',
  MAX_RESTARTS_REACHED: 'Read the log of the training: it failed the same way each time.',
  DEADLINE_EXCEEDED:
    'Give it more resources.max_duration_minutes, and resume_from to go on from its last checkpoint.',
  SUBMISSION_REFUSED: 'Correct the request as the cluster says, and submit it under a new job_id.',
  CANCELLED_BY_REQUEST: 'Nothing. trainer events tells who cancelled it.',
  DELETED: 'Find out who deleted it from the cluster, and submit it again under a new job_id.',
  RECORD_UNREADABLE: 'Have the operator mend what the log of the service names, or cancel it.',
};

/** What people do about a training that stands still, by what it lacks. */
export const ADVICE_ON_STALLS: Readonly<Record<string, string>> = {
  'no step': 'Read the stacks in its log, which it was asked for; cancel it if it does not go on.',
  'no reports':
    'Look whether its processes still run and reach the reports port; cancel it if they do not.',
};
