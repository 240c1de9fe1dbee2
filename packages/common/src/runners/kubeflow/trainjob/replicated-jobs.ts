/** Names that Kubeflow Trainer gives to the replicated jobs of a runtime, and to the container of each. */
export const TRAINING_STEP = 'node';
export const DATASET_STEP = 'dataset-initializer';
export const MODEL_STEP = 'model-initializer';
