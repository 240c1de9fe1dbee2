/** Names that Kubeflow Trainer gives to the replicated jobs of a runtime. */
export const TRAINING_STEP = 'node';
export const DATASET_STEP = 'dataset-initializer';
export const MODEL_STEP = 'model-initializer';
