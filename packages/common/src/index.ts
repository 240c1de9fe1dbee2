export { BaseTrainerBackend } from './backends/base-trainer-backend.ts';
export { type RenderedRequest, renderRequest } from './backends/render-request.ts';
export {
  atLeastGpus,
  methodIn,
  methodNeeds,
  providerIn,
  type Rule,
  rule,
} from './backends/rules.ts';
export { type Config, ConfigError, parseConfig, SETTINGS, type ServiceDefaults } from './config.ts';
export type { ErrorCode } from './error-codes.ts';
export { TrainerError, type Violation } from './errors.ts';
export { createLogger } from './logger.ts';
export { UnslothOptionsSchema } from './requests/extra-parameters.ts';
export * from './requests/index.ts';
export { createService, type Service, type ServiceParts } from './service/create-service.ts';
export { startService } from './service/start-service.ts';
