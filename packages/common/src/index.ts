export { BaseTrainerBackend } from './backend.ts';
export { type Config, ConfigError, parseConfig, SETTINGS, type ServiceDefaults } from './config.ts';
export { type ErrorCode, TrainerError, type Violation } from './errors.ts';
export { createLogger } from './logger.ts';
export { type RenderedRequest, renderRequest } from './render-request.ts';
export {
  atLeastGpus,
  methodIn,
  methodNeeds,
  providerIn,
  type Rule,
  rule,
} from './rules.ts';
export { UnslothOptionsSchema } from './schemas/extra-parameters.ts';
export * from './schemas/index.ts';
export { createService, type Service, type ServiceParts } from './service.ts';
export { startService } from './start-service.ts';
