/** The variable in which every training finds its whole request, with the defaults and without credentials. */
const REQUEST = 'TRAINING_REQUEST_JSON';

interface Rendered {
  readonly spec?: {
    readonly trainer?: {
      readonly env?: readonly { readonly name?: string; readonly value?: string }[];
    };
  };
}

/** The request as its training reads it; undefined where a TrainJob does not carry it. */
export function toResolvedRequest(trainJob: unknown): unknown {
  const env = (trainJob as Rendered | undefined)?.spec?.trainer?.env ?? [];
  const value = env.find(({ name }) => name === REQUEST)?.value;
  if (value === undefined) return undefined;
  try {
    // Kubernetes reads $$ as one $.
    return JSON.parse(value.replaceAll('$$', '$')) as unknown;
  } catch {
    return undefined;
  }
}
