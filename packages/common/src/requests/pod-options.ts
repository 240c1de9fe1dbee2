import { z } from 'zod';
import { optional } from './field.ts';
import { isLabelValue, isMetadataKey } from './kubernetes-names.ts';
import { dnsName, scalar } from './kubernetes-values.ts';

/** Taints of nodes that no training belongs on. */
const CONTROL_PLANE = 'node-role.kubernetes.io/';

/** As Kubernetes has them; one without a key would open every node. */
export const tolerations = z
  .array(
    z.strictObject({
      key: z
        .string()
        .min(1)
        .refine((key) => !key.startsWith(CONTROL_PLANE), {
          error: `must not begin with ${CONTROL_PLANE}, since no training runs on such nodes`,
        }),
      operator: optional(z.enum(['Exists', 'Equal'])),
      value: optional(z.string()),
      effect: optional(z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute'])),
      tolerationSeconds: optional(z.int().min(0)),
    }),
  )
  .max(50)
  .transform((list) =>
    list.map((toleration) =>
      Object.fromEntries(Object.entries(toleration).filter(([, value]) => value !== undefined)),
    ),
  );

/** Labels of nodes. */
export const nodeSelector = z.record(z.string(), scalar).superRefine((labels, context) => {
  for (const [key, value] of Object.entries(labels)) {
    if (isMetadataKey(key) && isLabelValue(value)) continue;
    const message = 'must be a label of Kubernetes: a key and a value';
    context.addIssue({ code: 'custom', path: [key], message });
  }
});

/** Names, also as Kubernetes has them: `{"name": …}`. */
export const imagePullSecrets = z
  .array(z.union([dnsName, z.strictObject({ name: dnsName })], { error: 'must be a name' }))
  .max(50)
  .transform((list) => list.map((item) => (typeof item === 'string' ? item : item.name)));

/** Fields of a pod that people expect here, and that are ignored. */
export const IGNORED_POD_FIELDS: ReadonlySet<string> = new Set(
  [
    ...['volumes', 'volume_mounts', 'affinity', 'security_context', 'pod_security_context'],
    ...['host_network', 'host_aliases', 'init_containers', 'sidecars', 'containers', 'env_from'],
    ...['service_account_name', 'service_account', 'runtime_class_name', 'scheduler_name'],
    ...['topology_spread_constraints', 'dns_policy', 'dns_config', 'pod_template', 'pod_spec'],
    ...['termination_grace_period_seconds', 'lifecycle'],
  ].flatMap((name) => [name, name.replaceAll(/_(.)/g, (_, letter) => letter.toUpperCase())]),
);
