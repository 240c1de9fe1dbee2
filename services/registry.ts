/** The services, one line each: everything that must know all of them learns it from here. */
export { HfUnslothBackend } from './hf-unsloth-api/src/backend.ts';
export { MetaBackend } from './meta-api/src/backend.ts';
export { NemoBackend } from './nemo-api/src/backend.ts';
