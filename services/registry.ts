/** The backends of all services, one line each: whatever must know every service learns it from here. */
export { HfUnslothBackend } from './hf-unsloth-api/src/backend.ts';
export { MetaBackend } from './meta-api/src/backend.ts';
export { NemoBackend } from './nemo-api/src/backend.ts';
