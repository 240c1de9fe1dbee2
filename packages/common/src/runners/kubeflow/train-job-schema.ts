import type { ClusterCapabilities } from './trainjob/manifest.ts';

/** What the TrainJobs of a cluster can do; it differs by release of Kubeflow Trainer. */
export type TrainJobFields = Pick<ClusterCapabilities, 'podPatchField' | 'hasActiveDeadline'>;

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
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
  };
}
