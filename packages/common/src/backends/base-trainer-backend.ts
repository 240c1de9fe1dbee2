import type { Config, ServiceDefaults } from '../config.ts';
import type { Submission } from '../controller/submitter.ts';
import { errors } from '../errors.ts';
import type { CallbackTarget } from '../jobs/job.ts';
import { buildJobSpec } from '../jobs/job-spec.ts';
import { identifyRequest } from '../requests/asked-forms.ts';
import { REQUEST_FORMAT, type RequestFormat } from '../requests/parse-training-request.ts';
import type { TrainingRequest } from '../requests/training-request.ts';
import { COMMON_RULES, checkRules, nodesOfGpuType, type Rule, secretsIn } from './rules.ts';
import { studioS3Layout } from './s3-layout.ts';

/**
 * One model family: its rules and its defaults. A backend is a subclass that says what differs; how
 * a request becomes a job is the same for all.
 */
export abstract class BaseTrainerBackend {
  /** The label of its jobs; part of their names, so it never changes. */
  abstract readonly name: string;
  abstract readonly defaults: ServiceDefaults;
  /** What people call the service. */
  abstract readonly title: string;
  /** A body that it takes, which its documentation shows. */
  abstract readonly example: Readonly<Record<string, unknown>>;
  /** What it demands of a request, in the order in which violations are told. */
  abstract readonly rules: readonly Rule[];

  /** How its requests are parsed, and what of them is secret. */
  get format(): RequestFormat {
    return REQUEST_FORMAT;
  }

  /** The command that replaces the runtime's own, where the request does not name one. */
  command(_request: TrainingRequest): readonly string[] | undefined {
    return undefined;
  }

  /** Variables of the training container besides those of every backend; no credentials. */
  env({ extra_parameters }: TrainingRequest): Readonly<Record<string, string>> {
    const { unsloth } = extra_parameters;
    return unsloth === undefined ? {} : { UNSLOTH_OPTIONS_JSON: JSON.stringify(unsloth) };
  }

  /** Sentences about accepted parts of the request that this backend does not act on. */
  warnings({ extra_parameters }: TrainingRequest): readonly string[] {
    if (extra_parameters.executor === undefined) return [];
    return ['extra_parameters.executor is ignored, since only the meta service uses it'];
  }

  /**
   * Turns a body into a job that may be submitted.
   * @throws TrainerError INVALID_REQUEST with every violation of schema and rules.
   */
  prepare(body: unknown, config: Config, furtherRules: readonly Rule[] = []): Submission {
    const { format } = this;
    const { credentials } = format;
    const parsed = format.parse(body);
    const { request } = parsed;
    const rules = [...this.rules, ...COMMON_RULES, ...settingRules(config), ...furtherRules];
    const violations = [
      ...parsed.violations,
      ...(request === undefined ? [] : checkRules(rules, request, parsed.violations, credentials)),
    ];
    if (violations.length > 0 || request === undefined) throw errors.invalid(violations);
    const traits = { name: this.name, command: this.command(request), env: this.env(request) };
    return {
      ...buildJobSpec(request, traits, config, credentials),
      ...identifyRequest(parsed.body, request, format),
      callback: toCallbackTarget(request),
      warnings: [...parsed.warnings, ...this.warnings(request)],
    };
  }
}

/** The rules that an operator's settings make. */
function settingRules(config: Config): readonly Rule[] {
  return [
    secretsIn(config.allowedSecrets),
    nodesOfGpuType(config.gpuTypes),
    ...(config.s3Policy === 'studio' ? [studioS3Layout(config.s3AllowedPrefixes)] : []),
  ];
}

function toCallbackTarget({ callbacks }: TrainingRequest): CallbackTarget | undefined {
  const { webhook_url, auth_header, event_filter } = callbacks ?? {};
  if (webhook_url === undefined) return undefined;
  return { webhookUrl: webhook_url, authHeader: auth_header, eventFilter: event_filter };
}
