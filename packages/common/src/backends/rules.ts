import type { GpuPlacement } from '../config.ts';
import type { Violation } from '../errors.ts';
import type { CredentialFields } from '../requests/credential-fields.ts';
import { isCredentialName } from '../requests/credential-names.ts';
import { createSecretTest, listCredentials, withoutCredentials } from '../requests/credentials.ts';
import {
  isEnvName,
  isLabelValue,
  isMetadataKey,
  OWN_PREFIX,
} from '../requests/kubernetes-names.ts';
import { findAccelerators } from '../requests/node-resources.ts';
import { isAffected } from '../requests/parse-training-request.ts';
import { RESERVED_VARIABLES } from '../requests/reserved-variables.ts';
import { createNameTest } from '../requests/secret-names.ts';
import { TokenSearch } from '../requests/token-search.ts';
import type { METHODS, PROVIDERS, TrainingRequest } from '../requests/training-request.ts';

type Provider = (typeof PROVIDERS)[number];
type Method = (typeof METHODS)[number];

/** What a rule demands, as data of which descriptions and examples are made. */
export type Demand =
  | {
      readonly field: 'base_model.provider' | 'customization.method';
      readonly oneOf: readonly string[];
    }
  | {
      readonly field: 'resources.gpus' | 'resources.memory_gb';
      readonly minimum: number;
      /** Without it, whatever the method. */
      readonly forMethod?: Method;
    };

/** One condition on a valid request. Pure; what it finds are full sentences for people. */
export interface Rule {
  readonly demand?: Demand;
  /** The paths it looks at; it is not asked when the schema refused one of them. */
  readonly reads: readonly string[];
  readonly check: (
    request: TrainingRequest,
    credentials?: CredentialFields,
  ) => readonly Violation[];
}

/** Everything that `rules` find wrong, in their order, apart from what the schema refused already. */
export function checkRules(
  rules: readonly Rule[],
  request: TrainingRequest,
  refused: readonly Violation[],
  credentials?: CredentialFields,
): Violation[] {
  const asked =
    refused.length === 0 ? rules : rules.filter(({ reads }) => !isAffected(reads, refused));
  return asked.flatMap(({ check }) => check(request, credentials));
}

/** A rule about one field: `explain` returns a sentence when the request breaks it. */
export function rule(
  path: string,
  alsoReads: readonly string[],
  explain: (request: TrainingRequest) => string | undefined,
): Rule {
  return {
    reads: [path, ...alsoReads],
    check: (request) => {
      const message = explain(request);
      return message === undefined ? [] : [{ path, message }];
    },
  };
}

export function providerIn(...providers: readonly Provider[]): Rule {
  const field = 'base_model.provider';
  const check = rule(field, [], ({ base_model }) => {
    if (providers.includes(base_model.provider)) return undefined;
    return `${field} must be one of ${providers.join(', ')} for this service, but is ${base_model.provider}.`;
  });
  return { ...check, demand: { field, oneOf: providers } };
}

export function methodIn(...methods: readonly Method[]): Rule {
  const field = 'customization.method';
  const check = rule(field, [], ({ customization }) => {
    if (methods.includes(customization.method)) return undefined;
    return `${field} must be one of ${methods.join(', ')} for this service, but is ${customization.method}.`;
  });
  return { ...check, demand: { field, oneOf: methods } };
}

export function atLeastGpus(minimum: number, why = ''): Rule {
  const field = 'resources.gpus';
  const check = rule(field, [], ({ resources }) => {
    if (resources.gpus >= minimum) return undefined;
    return `${field} must be at least ${minimum}${why} for this service, but is ${resources.gpus}.`;
  });
  return { ...check, demand: { field, minimum } };
}

/** A floor under one of the resources that holds for one method only. */
export function methodNeeds(method: Method, resource: 'gpus' | 'memory_gb', minimum: number): Rule {
  const field = `resources.${resource}` as const;
  const check = rule(field, ['customization.method'], (request) => {
    const given = request.resources[resource];
    if (request.customization.method !== method || given >= minimum) return undefined;
    return `${field} must be at least ${minimum} for the method ${method}, but is ${given}.`;
  });
  return { ...check, demand: { field, minimum, forMethod: method } };
}

const gpusAreThoseOfNodes = rule(
  'resources.gpus',
  ['extra_parameters.num_nodes', 'extra_parameters.resources_per_node'],
  ({ resources, extra_parameters }) => {
    const { num_nodes, resources_per_node } = extra_parameters;
    const named = [...findAccelerators(resources_per_node)];
    const count = named.reduce((sum, [, each]) => sum + each, 0);
    if (named.length === 0 || resources.gpus === count * num_nodes) return undefined;
    const kinds = named.map(([name, each]) => `${each} ${name}`).join(' and ');
    return `resources.gpus (${resources.gpus}) contradicts extra_parameters.resources_per_node, which names ${kinds} for each of ${num_nodes === 1 ? '1 node' : `${num_nodes} nodes`}.`;
  },
);

const gpusDivideOverNodes = rule(
  'resources.gpus',
  ['extra_parameters.num_nodes'],
  ({ resources, extra_parameters }) => {
    // What the nodes name is checked on its own.
    if (findAccelerators(extra_parameters.resources_per_node).size > 0) return undefined;
    if (resources.gpus % extra_parameters.num_nodes === 0) return undefined;
    return `resources.gpus (${resources.gpus}) must divide evenly by extra_parameters.num_nodes (${extra_parameters.num_nodes}).`;
  },
);

const evaluationLeavesData: Rule = {
  reads: ['datasets', 'extra_parameters.evaluation'],
  check: ({ datasets, extra_parameters }) => {
    const { dataset, share } = extra_parameters.evaluation ?? {};
    const refuse = (field: string, message: string) => {
      const path = `extra_parameters.evaluation.${field}`;
      return [{ path, message: `${path} ${message}.` }];
    };
    if (dataset === undefined) return [];
    if (share !== undefined) return refuse('share', 'must not stand beside dataset');
    if (dataset >= datasets.length) {
      return refuse('dataset', `must be less than the number of datasets (${datasets.length})`);
    }
    return datasets.length === 1 ? refuse('dataset', 'leaves no dataset to train on') : [];
  },
};

const METADATA = ['job_labels', 'job_annotations'] as const;

const kubernetesAcceptsMetadata: Rule = {
  reads: METADATA.map((field) => `extra_parameters.${field}`),
  check: (request) =>
    METADATA.flatMap((field) =>
      Object.entries(request.extra_parameters[field] ?? {}).flatMap(([key, value]) => {
        const path = `extra_parameters.${field}.${key.slice(0, 80)}`;
        if (!isMetadataKey(key)) {
          return [{ path, message: `${path} is not a key that Kubernetes accepts for metadata.` }];
        }
        if (key.startsWith(OWN_PREFIX)) {
          return [
            { path, message: `${path} must not use the prefix ${OWN_PREFIX}, which is ours.` },
          ];
        }
        if (field === 'job_labels' && !isLabelValue(value)) {
          const message = `${path} must be a label value: at most 63 letters, digits, "-", "_" and "." with a letter or a digit at both ends.`;
          return [{ path, message }];
        }
        return [];
      }),
    ),
};

const kubernetesAcceptsEnv: Rule = {
  reads: ['extra_parameters.trainer_env'],
  check: ({ extra_parameters }) =>
    Object.keys(extra_parameters.trainer_env ?? {}).flatMap((name) => {
      const path = `extra_parameters.trainer_env.${name.slice(0, 80)}`;
      if (!isEnvName(name)) {
        return [{ path, message: `${path} is not a name that Kubernetes accepts for a variable.` }];
      }
      if (/^(TRAINING|PET)_/.test(name)) {
        return [
          {
            path,
            message: `${path} must not start with TRAINING_ or PET_, which are set for the trainer.`,
          },
        ];
      }
      if (RESERVED_VARIABLES.has(name)) {
        const message = `${path} must not be set by a request, since the operator sets it for the trainer.`;
        return [{ path, message }];
      }
      return [];
    }),
};

/** A node selector may not name other nodes than the operator chose for the kind of GPU. */
export function nodesOfGpuType(gpuTypes: Readonly<Record<string, GpuPlacement>>): Rule {
  return {
    reads: ['resources.gpu_type', 'extra_parameters.node_selector'],
    check: ({ resources, extra_parameters }) => {
      const { gpu_type = '' } = resources;
      const chosen = Object.hasOwn(gpuTypes, gpu_type) ? gpuTypes[gpu_type]?.nodeSelector : {};
      return Object.entries(extra_parameters.node_selector ?? {}).flatMap(([key, value]) => {
        const other = chosen?.[key];
        if (other === undefined || other === value) return [];
        const path = `extra_parameters.node_selector.${key}`;
        const message = `${path} (${value}) contradicts resources.gpu_type ${gpu_type}, whose nodes have ${other} there.`;
        return [{ path, message }];
      });
    },
  };
}

/** A variable may refer to a Secret only where the operator allows it, since pods may read them all. */
export function secretsIn(allowed: readonly string[]): Rule {
  return {
    reads: ['extra_parameters.trainer_env'],
    check: ({ extra_parameters }) =>
      Object.entries(extra_parameters.trainer_env ?? {}).flatMap(([name, value]) => {
        if (typeof value === 'string') return [];
        const secret = value.valueFrom.secretKeyRef.name;
        if (allowed.includes(secret)) return [];
        const path = `extra_parameters.trainer_env.${name.slice(0, 80)}`;
        const message = `${path} must not refer to the Secret ${secret}, which TRAINER_ALLOWED_SECRETS of this service does not list.`;
        return [{ path, message }];
      }),
  };
}

/** These end up readable on Kubernetes objects, where a credential must never stand. */
const IN_PLAIN_SIGHT = ['job_labels', 'job_annotations', 'model_uri', 'container_image'] as const;
/** These as well; they are words of the cluster, of which only what looks like a token is refused. */
const ABOUT_PODS = [
  'node_selector',
  'tolerations',
  'queue_name',
  'priority_class_name',
  'image_pull_secrets',
  'runtime_ref',
] as const;

const noSecretInPlainSight: Rule = {
  reads: ['job_id', 'base_model', 'datasets', 'artifacts', 'callbacks', 'extra_parameters'],
  check: (request, fields) => {
    const isGiven = (name: keyof TrainingRequest['extra_parameters']) =>
      request.extra_parameters[name] !== undefined;
    const given = IN_PLAIN_SIGHT.filter(isGiven);
    const aboutPods = ABOUT_PODS.filter(isGiven);
    if (given.length === 0 && aboutPods.length === 0) return [];
    const { extra_parameters: extra } = withoutCredentials(request, fields);
    const isToken = createNameTest(request, new TokenSearch(listCredentials(request, fields)));
    const holdsToken = (value: unknown): boolean =>
      typeof value === 'object' && value !== null
        ? Object.values(value).some(holdsToken)
        : typeof value === 'string' && isToken(value);
    // A label may well be the same word as a harmless variable, or as what follows a scheme.
    const holdsSecret = createSecretTest(request, {
      counts: isCredentialName,
      keepsScheme: true,
      ...(fields && { fields }),
    });
    return [
      ...given.filter((name) => holdsSecret(extra[name]) || holdsToken(extra[name])),
      ...aboutPods.filter((name) => holdsToken(extra[name])),
    ].map((field) => ({
      path: `extra_parameters.${field}`,
      message: `extra_parameters.${field} must not hold a credential, nor a URL with a user name, a password or a query.`,
    }));
  },
};

/** What every service demands, after its own rules. */
export const COMMON_RULES: readonly Rule[] = [
  gpusAreThoseOfNodes,
  gpusDivideOverNodes,
  evaluationLeavesData,
  kubernetesAcceptsMetadata,
  kubernetesAcceptsEnv,
  noSecretInPlainSight,
];
