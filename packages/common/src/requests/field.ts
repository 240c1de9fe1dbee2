import { z } from 'zod';
import { takesText } from './schema-shape.ts';

/*
 * Training Studio sends null for what it leaves out, and forms send an empty text for a field that
 * was left empty. So every optional field of the request is one of these two: null, absent and,
 * where a text may stand, the empty text are the same, and what comes out is none of them.
 */

export function optional<T extends z.ZodType>(schema: T) {
  return givenOf(schema).transform((value): z.output<T> | undefined => value ?? undefined);
}

/** A field of a merge patch: null and, where a text may stand, the empty text take it away. */
export function removable<T extends z.ZodType>(schema: T) {
  const given = schema.nullable();
  return (
    takesText(schema) ? rewritten(emptyToNull, given.optional()) : given.optional()
  ) as z.ZodType<z.output<T> | null | undefined, z.input<T> | null | undefined>;
}

export function withDefault<T extends z.ZodType>(schema: T, fallback: z.output<T>) {
  return givenOf(schema)
    .transform((value): z.output<T> => value ?? fallback)
    .meta({ default: fallback });
}

function givenOf<T extends z.ZodType>(schema: T) {
  const given = takesText(schema) ? rewritten(withoutEmpty, schema.optional()) : schema;
  return (given as T).nullish();
}

function emptyToNull(value: unknown): unknown {
  return value === '' ? null : value;
}

function withoutEmpty(value: unknown): unknown {
  return value === '' ? undefined : value;
}

/** A section that may be left out whole: its fields' own defaults then fill it. */
export function section<T extends z.ZodType>(schema: T) {
  const compiled = z.compile(schema);
  return schema.nullish().transform((value): z.output<T> => value ?? compiled.parse({}));
}

/** `schema` behind a step that rewrites what came, such as another spelling, into its input. */
export function rewritten<T extends z.ZodType>(
  rewrite: (value: unknown, context: z.RefinementCtx) => unknown,
  schema: T,
) {
  return z.preprocess(rewrite, schema) as unknown as z.ZodType<z.output<T>, z.input<T>>;
}

/** A query name that may be given several times: one value is a list of one. */
export function repeatable<T extends z.ZodArray>(list: T) {
  return rewritten((value) => (value === undefined ? undefined : [value].flat()), list.optional());
}
