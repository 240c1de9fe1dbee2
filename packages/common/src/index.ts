/** Of the copy that the schemas are made with: a second copy would not know their marks. */
export { z } from 'zod';
export { BaseTrainerBackend } from './backends/base-trainer-backend.ts';
export {
  createExtraParameter,
  type ExtraParameter,
  type ExtraParameterOptions,
} from './backends/extra-parameter.ts';
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
export { credential } from './requests/credential-mark.ts';
export { optional, withDefault } from './requests/field.ts';
export * from './requests/index.ts';
export { RUNNERS } from './runner-names.ts';
export { createService, type Service, type ServiceParts } from './service/create-service.ts';
export { startService } from './service/start-service.ts';
