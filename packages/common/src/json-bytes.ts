/** Whether a text takes at most so many bytes of UTF-8. */
export function fitsBytes(text: string, maxBytes: number): boolean {
  // A character takes three at most, and counting them costs more than asking.
  return text.length * 3 <= maxBytes || Buffer.byteLength(text) <= maxBytes;
}

/** How many bytes a value takes as JSON, in UTF-8. */
export function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
