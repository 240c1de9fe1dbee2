import type { Config, ServiceDefaults } from '../config.ts';
import type { Submission } from '../controller/submitter.ts';
import { errors, type Violation } from '../errors.ts';
import type { CallbackTarget } from '../jobs/job.ts';
import { type BackendTraits, buildJobSpec } from '../jobs/job-spec.ts';
import { toJobTraits } from '../jobs/job-traits.ts';
import { identifyRequest, type RequestIdentity } from '../requests/asked-forms.ts';
import { describeBatch } from '../requests/batch-split.ts';
import { createSecretTest } from '../requests/credentials.ts';
import { keepRequest } from '../requests/kept-request.ts';
import {
  createRequestFormat,
  REQUEST_FORMAT,
  type RequestFormat,
} from '../requests/parse-training-request.ts';
import { refuseSecretNames } from '../requests/secret-names.ts';
import { type TrainingRequest, withExtraParameters } from '../requests/training-request.ts';
import type { ExtraParameter } from './extra-parameter.ts';
import { COMMON_RULES, checkRules, nodesOfGpuType, type Rule, secretsIn } from './rules.ts';
import { studioS3Layout } from './s3-layout.ts';

/** What a backend says of a body. */
export interface ExaminedRequest {
  readonly violations: readonly Violation[];
  readonly warnings: readonly string[];
  /** The normalised request; undefined where the schema refuses a part of it. */
  readonly request?: TrainingRequest;
  /** Variables of the training container by which the backend sets our runtime. */
  readonly env?: Readonly<Record<string, string>>;
  /**
   * The job; undefined where there are violations.
   * @throws TrainerError PAYLOAD_TOO_LARGE
   */
  readonly toSubmission?: () => Submission;
  /** By what a job is known that an earlier version made of it; undefined where the schema refuses a part. */
  readonly toIdentity?: () => RequestIdentity & { readonly jobId: string };
}

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
  /** What it demands of a request, in the order in which violations are reported. */
  abstract readonly rules: readonly Rule[];

  /** The keys of `extra_parameters` that it adds to those of every service. */
  readonly extraParameters: readonly ExtraParameter[] = [];

  readonly #siblings: readonly BaseTrainerBackend[];
  #format: RequestFormat | undefined;
  #known: readonly ExtraParameter[] | undefined;

  /** `siblings` are the other services' backends: their extra parameters are checked here, too. */
  constructor(siblings: readonly BaseTrainerBackend[] = []) {
    this.#siblings = siblings;
  }

  /** How its requests are parsed, and what of them is secret. */
  get format(): RequestFormat {
    this.#format ??= this.#createFormat();
    return this.#format;
  }

  /** The command that replaces the runtime's own, where the request does not name one. */
  command(_request: TrainingRequest): readonly string[] | undefined {
    return undefined;
  }

  /** Variables of the training container besides those of every backend; no credentials. */
  env(_request: TrainingRequest): Readonly<Record<string, string>> {
    return {};
  }

  /** Sentences about accepted parts of the request that this backend does not act on. */
  warnings(_request: TrainingRequest): readonly string[] {
    return [];
  }

  /**
   * Turns a body into a job that may be submitted.
   * @throws TrainerError INVALID_REQUEST with every violation of schema and rules.
   */
  prepare(body: unknown, config: Config, furtherRules: readonly Rule[] = []): Submission {
    const examined = this.examine(body, config, furtherRules);
    if (examined.toSubmission === undefined) throw errors.invalid(examined.violations);
    return examined.toSubmission();
  }

  /**
   * Tells all that is wrong with a body and, where nothing is, the job that it may become.
   * @throws TrainerError INVALID_REQUEST when it is no JSON object that could be examined.
   */
  examine(body: unknown, config: Config, furtherRules: readonly Rule[] = []): ExaminedRequest {
    const { format } = this;
    const { credentials } = format;
    const parsed = format.parse(body);
    const { request } = parsed;
    const rules = [...this.rules, ...COMMON_RULES, ...settingRules(config), ...furtherRules];
    const violations = [
      ...parsed.violations,
      ...(request === undefined ? [] : checkRules(rules, request, parsed.violations, credentials)),
    ];
    const named = refuseSecretNames(parsed, format, violations);
    // What stands in for refused parts is nobody's wish.
    if (request === undefined || parsed.violations.length > 0) {
      return { violations: named ?? violations, warnings: named ? [] : parsed.warnings };
    }
    const toIdentity = () => ({
      jobId: request.job_id,
      ...identifyRequest(parsed.body, request, format),
    });
    if (named !== undefined) return { violations: named, warnings: [], toIdentity };
    const variables = this.#parameters().map(({ toVariables }) => toVariables?.(request));
    const env = Object.assign({}, ...variables, this.env(request));
    const traits = { name: this.name, command: this.command(request), env };
    const holdsSecret = createSecretTest(request, { fields: credentials });
    const { traits: listed, warnings: unlisted } = toJobTraits(request, holdsSecret);
    const warnings = [
      ...parsed.warnings,
      ...this.warnings(request),
      ...this.#describeIgnored(request),
      ...describeSplit(request, traits),
      ...unlisted,
    ];
    const accepted = { violations, warnings, request, env, toIdentity };
    if (violations.length > 0) return accepted;
    return {
      ...accepted,
      toSubmission: () => ({
        ...buildJobSpec(request, traits, config, credentials, holdsSecret),
        ...identifyRequest(parsed.body, request, format),
        callback: toCallbackTarget(request),
        warnings,
        traits: listed,
        request: keepRequest(parsed.body, format.shape, holdsSecret),
      }),
    };
  }

  #createFormat(): RequestFormat {
    const schemas = this.#parameters().map(({ name, schema }) => [name, schema] as const);
    if (schemas.length === 0) return REQUEST_FORMAT;
    return createRequestFormat(withExtraParameters(Object.fromEntries(schemas)));
  }

  #parameters(): readonly ExtraParameter[] {
    this.#known ??= this.#collectParameters();
    return this.#known;
  }

  /** Its own and those of its siblings, in an order that is the same for all of them. */
  #collectParameters(): readonly ExtraParameter[] {
    const backends = [...this.#siblings, this];
    const byName = new Map(
      backends.flatMap(({ extraParameters }) => extraParameters.map((each) => [each.name, each])),
    );
    return [...byName.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  #describeIgnored(request: TrainingRequest): string[] {
    const own = new Set(this.extraParameters.map(({ name }) => name));
    return this.#siblings.flatMap((sibling) =>
      sibling.extraParameters
        .filter(({ name, toVariables }) => toVariables === undefined && !own.has(name))
        .filter(({ valueIn }) => valueIn(request) !== undefined)
        .map(
          ({ name }) =>
            `extra_parameters.${name} is ignored, since only the ${sibling.name} service uses it`,
        ),
    );
  }
}

/** What becomes of the batch, where our own runtime splits it. */
function describeSplit(request: TrainingRequest, { command, env }: BackendTraits) {
  const isReplaced = (request.extra_parameters.trainer_command ?? command) !== undefined;
  return isReplaced ? [] : describeBatch(request, env);
}

const knownSettingRules = new WeakMap<Config, readonly Rule[]>();

/** The rules that an operator's settings make; each request is asked them. */
function settingRules(config: Config): readonly Rule[] {
  const known = knownSettingRules.get(config);
  if (known !== undefined) return known;
  const rules = [
    secretsIn(config.allowedSecrets),
    nodesOfGpuType(config.gpuTypes),
    ...(config.s3Policy === 'studio' ? [studioS3Layout(config.s3AllowedPrefixes)] : []),
  ];
  knownSettingRules.set(config, rules);
  return rules;
}

function toCallbackTarget({ callbacks }: TrainingRequest): CallbackTarget | undefined {
  const { webhook_url, auth_header, event_filter } = callbacks ?? {};
  if (webhook_url === undefined) return undefined;
  return { webhookUrl: webhook_url, authHeader: auth_header, eventFilter: event_filter };
}
