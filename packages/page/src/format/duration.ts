const UNITS = [
  { name: 'd', ms: 86_400_000 },
  { name: 'h', ms: 3_600_000 },
  { name: 'min', ms: 60_000 },
  { name: 's', ms: 1000 },
] as const;

/** A span in its two largest units, such as `2 h 5 min`; below a second `0 s`. */
export function formatDuration(ms: number): string {
  const rest = Math.max(0, Math.round(ms / 1000) * 1000);
  const index = UNITS.findIndex((unit) => rest >= unit.ms);
  const [large, small] = index === -1 ? [UNITS[3]] : UNITS.slice(index, index + 2);
  if (large === undefined) return '0 s';
  const first = `${Math.floor(rest / large.ms)} ${large.name}`;
  const left = small === undefined ? 0 : Math.floor((rest % large.ms) / small.ms);
  return left === 0 ? first : `${first} ${left} ${small?.name}`;
}
