import type { ClusterCapabilities } from './trainjob/manifest.ts';

/** What the TrainJobs of a cluster can do; it differs by release of Kubeflow Trainer. */
export type TrainJobFields = Omit<ClusterCapabilities, 'steps'>;

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly 'x-kubernetes-group-version-kind'?: readonly { readonly kind?: string }[];
}

/** `/openapi/v3/apis/<group>/<version>`. */
export interface OpenApiDocument {
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> };
}

/** Newest first. */
const POD_PATCH_FIELDS = ['runtimePatches', 'podTemplateOverrides', 'podSpecOverrides'] as const;

/** Of the newest release known, for a cluster that does not let its schema be read. */
export const NEWEST_FIELDS: TrainJobFields = {
  podPatchField: 'runtimePatches',
  hasActiveDeadline: true,
  // A field that the cluster lacks would refuse every job; without this one pods end as their runtime says.
  hasGracePeriod: false,
};

/** Reads the fields from the cluster's own schema; undefined when it has no TrainJob. Pure. */
export function readTrainJobFields(document: OpenApiDocument): TrainJobFields | undefined {
  const schema = Object.values(document.components?.schemas ?? {}).find((candidate) =>
    candidate['x-kubernetes-group-version-kind']?.some(({ kind }) => kind === 'TrainJob'),
  );
  const fields = schema?.properties?.spec?.properties;
  if (fields === undefined) return undefined;
  const podPatchField = POD_PATCH_FIELDS.find((field) => Object.hasOwn(fields, field));
  return {
    podPatchField: podPatchField ?? NEWEST_FIELDS.podPatchField,
    hasActiveDeadline: Object.hasOwn(fields, 'activeDeadlineSeconds'),
    hasGracePeriod:
      findPodPatch(fields, podPatchField)?.terminationGracePeriodSeconds !== undefined,
  };
}

/** What the cluster lets be changed of a pod, by name. */
function findPodPatch(fields: Record<string, Schema>, field: string | undefined) {
  const within = (schema: Schema | undefined, ...path: readonly string[]) =>
    path.reduce((found, name) => found?.properties?.[name], schema);
  const patch = fields[field ?? '']?.items;
  if (field !== 'runtimePatches') return within(patch, 'spec')?.properties ?? patch?.properties;
  const jobs = within(patch, 'trainingRuntimeSpec', 'template', 'spec', 'replicatedJobs')?.items;
  return within(jobs, 'template', 'spec', 'template', 'spec')?.properties;
}
