/** A measured number with four significant digits, in as few characters as it takes. */
export function formatMetric(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-3) return value.toExponential(2).replace('e+', 'e');
  return String(Number(value.toPrecision(4)));
}

/** A count with its thousands set apart. */
export function formatCount(value: number): string {
  return value.toLocaleString('en-US');
}
