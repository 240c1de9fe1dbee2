type Node = Record<string, unknown>;

/**
 * Writes each list of types as alternatives, `anyOf`, wherever it stands in `value`: generators
 * know of one type, and of one type or null, but of no longer list.
 */
export function spreadTypes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(spreadTypes);
  if (typeof value !== 'object' || value === null) return value;
  const node = Object.fromEntries(
    Object.entries(value).map(([key, child]) => [key, spreadTypes(child)]),
  );
  return isLongList(node.type) ? spread(node, node.type) : node;
}

function isLongList(type: unknown): type is string[] {
  return Array.isArray(type) && type.filter((each) => each !== 'null').length > 1;
}

function spread({ type: _, ...rest }: Node, types: readonly string[]): Node {
  return { ...rest, anyOf: types.map((type) => ({ type })) };
}
