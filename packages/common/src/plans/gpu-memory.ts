import { findAccelerators } from '../requests/node-resources.ts';
import type { TrainingRequest } from '../requests/training-request.ts';

/** GiB of a GPU by what its name holds; where one name has several sizes, the smallest. */
const GIB_BY_NAME: readonly (readonly [name: RegExp, gib: number])[] = [
  [/b300/, 268],
  [/b200|gb200/, 178],
  [/h200|gh200/, 140],
  [/h100|h800/, 79],
  [/a100|a800/, 39],
  [/l40|a6000|6000ada/, 44],
  [/a10g?(?!\d)|l4(?!\d)|4090|3090|a5000/, 22],
  [/t4(?!\d)|v100|p100|a4000/, 15],
  [/mi325/, 255],
  [/mi300/, 191],
  [/mi250/, 127],
];
const SIZE = /(\d{1,4})\s*gi?b/i;
/** What a card says it has is a little more than a program may use of it. */
const USABLE = 0.98;

/** GiB that a training may use of each GPU of a request; undefined where its kind is not known. */
export function toGpuMemoryGib({
  resources,
  extra_parameters,
}: Pick<TrainingRequest, 'resources' | 'extra_parameters'>): number | undefined {
  // A slice of a card, such as nvidia.com/mig-1g.10gb, says its memory.
  const slices = [...findAccelerators(extra_parameters.resources_per_node).keys()];
  const named = [...slices, resources.gpu_type ?? ''].flatMap((name) => SIZE.exec(name) ?? [])[1];
  if (named !== undefined) return Number(named) * USABLE;
  const kind = (resources.gpu_type ?? '').toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  return GIB_BY_NAME.find(([name]) => name.test(kind))?.[1];
}
