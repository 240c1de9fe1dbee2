/** Whether a text takes at most so many bytes of UTF-8. */
export function fitsBytes(text: string, maxBytes: number): boolean {
  // A character takes three at most, and counting them costs more than asking.
  return text.length * 3 <= maxBytes || Buffer.byteLength(text) <= maxBytes;
}

/** How many bytes a value takes as JSON, in UTF-8. */
export function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** Whether a value takes at most so many bytes as JSON, in UTF-8. */
export function fitsJson(value: unknown, maxBytes: number): boolean {
  // Most values are far smaller, and to write one costs more than to look at its texts.
  return boundBytes(value) <= maxBytes || jsonBytes(value) <= maxBytes;
}

/** No JSON of the value takes more: a character six bytes, as `\u0000`, and any other member 25. */
function boundBytes(value: unknown): number {
  if (typeof value === 'string') return 6 * value.length + 2;
  if (typeof value !== 'object' || value === null) return 25;
  let bytes = 2;
  if (Array.isArray(value)) for (const item of value) bytes += boundBytes(item) + 1;
  else {
    for (const key of Object.keys(value)) {
      bytes += 6 * key.length + 4 + boundBytes((value as Readonly<Record<string, unknown>>)[key]);
    }
  }
  return bytes;
}
