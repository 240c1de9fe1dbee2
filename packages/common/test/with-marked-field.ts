import { z } from 'zod';
import { credential } from '../src/requests/credential-mark.ts';
import type { SchemaShape } from '../src/requests/schema-shape.ts';

/** The paths of all objects of a schema; `0` stands for the elements of a list. */
export function objectPaths(shape: SchemaShape, path: string[] = []): string[][] {
  const inside = [...shape.fields].flatMap(([key, child]) =>
    child.credential === undefined ? objectPaths(child, [...path, key]) : [],
  );
  const elements = shape.element ? objectPaths(shape.element, [...path, '0']) : [];
  return [...(shape.fields.size > 0 ? [path] : []), ...inside, ...elements];
}

/** `schema` with one more field, which is marked as a credential, in the object at `path`. */
export function withMarkedField<T extends z.ZodType>(
  schema: T,
  path: readonly string[],
  name: string,
): T {
  return extend(schema, path, name) as T;
}

function extend(schema: z.core.$ZodType, path: readonly string[], name: string): z.core.$ZodType {
  const clone = (changes: object) =>
    z.clone(schema, { ...schema._zod.def, ...changes } as never, { parent: true });
  const [key, ...rest] = path;
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) {
    return clone({ innerType: extend(schema.def.innerType, path, name) });
  }
  if (schema instanceof z.ZodPipe) {
    const isRewritten = schema.def.in instanceof z.ZodTransform;
    return isRewritten
      ? clone({ out: extend(schema.def.out, path, name) })
      : clone({ in: extend(schema.def.in, path, name) });
  }
  if (schema instanceof z.ZodUnion) {
    return clone({
      options: schema.options.map((option) =>
        option instanceof z.ZodObject ? extend(option as z.ZodObject, path, name) : option,
      ),
    });
  }
  if (schema instanceof z.ZodArray) {
    return clone({ element: extend(schema.def.element, rest, name) });
  }
  if (!(schema instanceof z.ZodObject)) throw new Error(`no object at ${path.join('.')}`);
  const shape = schema.shape as Record<string, z.core.$ZodType>;
  const changed =
    key === undefined
      ? { [name]: credential(z.string().optional()) }
      : { [key]: extend(shape[key] as z.core.$ZodType, rest, name) };
  return clone({ shape: { ...shape, ...changed } });
}
