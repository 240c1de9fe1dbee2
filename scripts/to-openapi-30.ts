type Node = Readonly<Record<string, unknown>>;

/** Keys whose values are named by whoever wrote the document, and are no keywords. */
const MAPS = new Set(['properties', 'schemas', 'examples', 'responses', 'headers', 'paths']);
/** Values of the API itself. */
const AS_IT_IS = new Set(['example', 'value', 'default', 'enum']);
/** What 3.0 has no word for, and no generator needs. */
const UNKNOWN_TO_30 = ['propertyNames', 'const', 'examples', 'type'];

/**
 * The same API in OpenAPI 3.0, for tools that cannot read 3.1: null is `nullable`, bounds that are
 * excluded are flags, one of several examples is left. It allows all that the original allows, and
 * more where generators fail: names of free maps, objects of several shapes, and what is either an
 * object or something else are not checked.
 */
export function toOpenApi30(description: Node): unknown {
  const info = description.info as Node;
  const { identifier, ...license } = info.license as Node;
  return {
    ...(convert(description, false) as Node),
    openapi: '3.0.3',
    info: { ...info, license: { ...license, name: license.name ?? identifier } },
  };
}

function convert(value: unknown, isMap: boolean): unknown {
  if (Array.isArray(value)) return value.map((item) => convert(item, false));
  if (typeof value !== 'object' || value === null) return value;
  const node = Object.fromEntries(
    Object.entries(value).map(([key, child]) => [
      key,
      !isMap && AS_IT_IS.has(key) ? child : convert(child, !isMap && MAPS.has(key)),
    ]),
  );
  return !isMap && isSchema(node) ? toSchema(node) : node;
}

const isSchema = (node: Node) =>
  ['type', 'anyOf', 'propertyNames', 'exclusiveMinimum', 'const'].some((key) => key in node) &&
  !('in' in node) &&
  !('scheme' in node);

function toSchema(node: Node): Node {
  const rest = Object.fromEntries(
    Object.entries(node).filter(([key]) => !UNKNOWN_TO_30.includes(key)),
  );
  const schema: Record<string, unknown> = {
    ...rest,
    ...(node.const !== undefined && { enum: [node.const] }),
    ...(Array.isArray(node.examples) && { example: node.examples[0] }),
    ...(typeof node.exclusiveMinimum === 'number' && {
      minimum: node.exclusiveMinimum,
      exclusiveMinimum: true,
    }),
    ...(typeof node.exclusiveMaximum === 'number' && {
      maximum: node.exclusiveMaximum,
      exclusiveMaximum: true,
    }),
  };
  const types = [node.type ?? []].flat() as string[];
  const named = types.filter((type) => type !== 'null');
  if (named.length > 0) schema.type = named[0];
  if (types.length > named.length) schema.nullable = true;
  const plain = Array.isArray(schema.anyOf) ? withoutNull(schema) : schema;
  return withoutEnumDefault(withNullInEnum(plain));
}

/** In 3.0 an enum forbids the null that `nullable` allows, unless it names it. */
function withNullInEnum(schema: Node): Node {
  if (schema.nullable !== true || !Array.isArray(schema.enum)) return schema;
  return { ...schema, enum: [...new Set([...schema.enum, null])] };
}

/** Generators write the default of an enum as a constant that they forget to define. */
function withoutEnumDefault(schema: Node): Node {
  if (schema.enum === undefined || schema.default === undefined) return schema;
  const { default: fallback, description, ...rest } = schema;
  return { ...rest, description: `${description ?? ''} (default: ${fallback})`.trim() };
}

/** `anyOf` with null among its alternatives says what `nullable` says. */
function withoutNull({ anyOf, ...rest }: Node): Node {
  const all = anyOf as readonly Node[];
  const isNull = (alternative: Node) =>
    Object.keys(alternative).length === 1 && alternative.nullable === true;
  const alternatives = all.filter((alternative) => !isNull(alternative));
  const nullable = alternatives.length < all.length && { nullable: true };
  const [only, ...more] = alternatives;
  if (only === undefined || more.length > 0) {
    return { ...rest, ...nullable, ...toOneOf(alternatives) };
  }
  // Beside a reference nothing else is read.
  if ('$ref' in only) return { ...rest, ...nullable, allOf: [only] };
  return { ...only, ...rest, ...nullable };
}

/** Generators tell alternatives apart by their types, and none of them by a map beside a list. */
function toOneOf(alternatives: readonly Node[]): Node {
  const types = new Set(alternatives.map(({ type }) => type));
  if (types.size === 1 && types.has('object')) return { type: 'object', additionalProperties: {} };
  if (types.has('object')) return {};
  if (types.size === alternatives.length && !types.has(undefined)) return { oneOf: alternatives };
  throw new Error(`generators cannot tell these apart: ${JSON.stringify(alternatives)}`);
}
