import { toBody } from './example-request.ts';
import { applyLoad } from './load.ts';

/** Submits `count` mock jobs that never end, `job-1` and so on, each with its own further sections. */
export async function fill(
  url: string,
  count: number,
  toFurther: (index: number) => Readonly<Record<string, object>> = () => ({}),
): Promise<void> {
  const mock = { outcome: 'never', submitted_seconds: 0 };
  let index = 0;
  const next = () => {
    index += 1;
    if (index > count) return undefined;
    const { extra_parameters, ...sections } = toFurther(index);
    const further = { ...sections, extra_parameters: { mock, ...extra_parameters } };
    return { method: 'POST', path: '/train', body: toBody(`job-${index}`, further) } as const;
  };
  await applyLoad(url, { connections: 16, next });
}
