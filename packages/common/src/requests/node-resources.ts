import { z } from 'zod';

const QUANTITY = /^(\d+(\.\d*)?|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?$/;
/** What each node gets of a request that does not say. */
export const DEFAULT_NODE_RESOURCES = { cpus: 8, memory_gb: 64 } as const;

/** Resources that are devices: whole, and never shared between pods. */
const ACCELERATOR = /^[^/]+\/(.*gpu.*|mig-.+|gaudi|tpu|neuron.*|i915.*|xe.*|.*npu.*|.*dcu.*)$/i;

type Amounts = Readonly<Record<string, string | number>>;
type Quantities = Readonly<Record<string, string>>;

/** What each node gets, by the names of Kubernetes' resources. */
export interface NodeResources {
  readonly requests?: Quantities | undefined;
  readonly limits?: Quantities | undefined;
}

const amounts = z.record(z.string().min(1), z.union([z.string(), z.number()]));
const shapes =
  'must be {"requests": {…}, "limits": {…}} or one map of both, with quantities such as 8 or "64Gi"';

/** `{requests, limits}`, or one flat map that is both; of accelerators one side fills the other. */
export const nodeResources = z
  .union(
    [
      z.strictObject({ requests: amounts.nullish(), limits: amounts.nullish() }, { error: shapes }),
      amounts,
    ],
    { error: shapes },
  )
  .transform((given, context): NodeResources => {
    const isSplit = Object.values(given).some((side) => typeof side === 'object');
    const { requests, limits } = isSplit
      ? (given as { requests?: Amounts | null; limits?: Amounts | null })
      : { requests: given as Amounts, limits: given as Amounts };
    const refuse = (path: string[], message: string) =>
      context.addIssue({ code: 'custom', path, message });
    const sides = {
      requests: toQuantities(requests, isSplit ? ['requests'] : [], refuse),
      // A flat map is looked at once.
      limits: isSplit
        ? toQuantities(limits, ['limits'], refuse)
        : toQuantities(limits, [], () => undefined),
    };
    return matchAccelerators(sides, refuse);
  })
  .meta({ examples: [{ requests: { cpu: '8' }, limits: { 'nvidia.com/gpu': '2' } }] });

/** The accelerators of each node that `resources` names, by name. */
export function findAccelerators(resources: NodeResources | undefined): Map<string, number> {
  const named = { ...resources?.limits, ...resources?.requests };
  const found = Object.entries(named).filter(([name]) => ACCELERATOR.test(name));
  return new Map(found.map(([name, count]) => [name, Number(count)]));
}

type Refuse = (path: string[], message: string) => void;

function toQuantities(
  side: Amounts | null | undefined,
  path: readonly string[],
  refuse: Refuse,
): Quantities | undefined {
  if (side == null) return undefined;
  return Object.fromEntries(
    Object.entries(side).map(([name, amount]) => {
      const text = String(amount);
      if (!QUANTITY.test(text)) {
        refuse([...path, name], 'must be a Kubernetes quantity such as 8, "500m" or "64Gi"');
      } else if (ACCELERATOR.test(name) && !/^\d+$/.test(text)) {
        refuse([...path, name], 'must be a whole number, since a device is never shared');
      }
      return [name, text];
    }),
  );
}

/** Kubernetes wants requests and limits of devices to be equal. */
function matchAccelerators({ requests, limits }: NodeResources, refuse: Refuse): NodeResources {
  const devices: Record<string, string> = {};
  for (const name of new Set([...Object.keys(requests ?? {}), ...Object.keys(limits ?? {})])) {
    if (!ACCELERATOR.test(name)) continue;
    const [asked, limit] = [requests?.[name], limits?.[name]];
    if (asked !== undefined && limit !== undefined && asked !== limit) {
      refuse(['limits', name], `(${limit}) must equal the requests (${asked})`);
    }
    devices[name] = asked ?? limit ?? '0';
  }
  if (Object.keys(devices).length === 0) return { requests, limits };
  return { requests: { ...requests, ...devices }, limits: { ...limits, ...devices } };
}
