import { z } from 'zod';

/*
 * Training Studio sends null for what it leaves out, so every optional field of the request is one
 * of these two: null and absent are the same, and what comes out is never null.
 */

export function optional<T extends z.ZodType>(schema: T) {
  return schema.nullish().transform((value) => value ?? undefined);
}

export function withDefault<T extends z.ZodType>(schema: T, fallback: z.output<T>) {
  return schema
    .nullish()
    .transform((value): z.output<T> => value ?? fallback)
    .meta({ default: fallback });
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
