/** How many parameters a model has, as far as its name says. */
export interface ModelSize {
  readonly parameters: number;
  /** The part of the name that says it, such as `7b`. */
  readonly readFrom: string;
}

const UNITS: Readonly<Record<string, number>> = { m: 1e6, b: 1e9, t: 1e12 };
/** `8x7B`; `7B`, `1.5b`, `1_6b`, `560m`; `1b7`. Not `4bit`, not the `A3B` of `30B-A3B`. */
const COUNT =
  /(?<![a-z0-9.])(?:(\d{1,3})x)?(\d{1,4}(?:[._]\d{1,3})?)([mbt])(\d{1,2})?(?![a-z0-9])/gi;
/** Models of language are within these, so that a version or a date is no size. */
const [FEWEST, MOST] = [1e6, 2e13];

/**
 * Reads a model's size from what it is called, the name itself before the addresses. Undefined where
 * nothing names one: there is no guessing then.
 */
export function readModelSize(names: readonly (string | undefined)[]): ModelSize | undefined {
  for (const name of names) {
    // The last part names the model, what stands before it its owner or its folder.
    const parts = (name ?? '').split(/[?#]/, 1)[0]?.split('/').reverse() ?? [];
    for (const part of parts) {
      for (const match of part.slice(0, 200).matchAll(COUNT)) {
        const [readFrom, experts = '1', count = '', unit = '', tenths] = match;
        // `1b7` is 1.7 billion.
        const number = Number(
          tenths === undefined ? count.replace('_', '.') : `${count}.${tenths}`,
        );
        const parameters = Number(experts) * number * (UNITS[unit.toLowerCase()] ?? 0);
        if (parameters >= FEWEST && parameters <= MOST) return { parameters, readFrom };
      }
    }
  }
  return undefined;
}
