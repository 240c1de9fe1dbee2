import { z } from 'zod';
import { type CredentialMark, markOf } from './credential-mark.ts';

/** What a schema knows of a value's shape, as a tree that is cheap to walk. */
export interface SchemaShape {
  readonly fields: ReadonlyMap<string, SchemaShape>;
  /** What the elements know, where the value is a list. */
  readonly element: SchemaShape | undefined;
  /** Unknown keys reach the trainer instead of being ignored; undefined where keys are not ours. */
  readonly passesThrough: boolean | undefined;
  readonly credential: CredentialMark | undefined;
  /** A text may stand here. */
  readonly isText: boolean;
}

/** Reads the shape of what a schema takes in. */
export function readShape(schema: z.core.$ZodType): SchemaShape {
  const layers = peel(schema);
  const inner = layers.at(-1) as z.core.$ZodType;
  const credential = layers.map(markOf).find((mark) => mark !== undefined);
  if (inner instanceof z.ZodUnion) {
    // Of several forms, the one whose elements have names of their own.
    const list = inner.options.map(readShape).find(({ element }) => element !== undefined);
    return { ...(list ?? NO_KEYS), credential, isText: inner.options.some(takesText) };
  }
  const isText = takesText(inner);
  const element = inner instanceof z.ZodArray ? readShape(inner.element) : undefined;
  if (!(inner instanceof z.ZodObject)) return { ...NO_KEYS, element, credential, isText };
  const shape = Object.entries<z.core.$ZodType>(inner.shape);
  return {
    fields: new Map(shape.map(([key, child]) => [key, readShape(child)])),
    element,
    passesThrough: inner.def.catchall !== undefined,
    credential,
    isText,
  };
}

const NO_KEYS = {
  fields: new Map<string, SchemaShape>(),
  element: undefined,
  passesThrough: undefined,
};

/** Whether `schema` takes in texts, and nothing else. */
export function takesText(schema: z.core.$ZodType): boolean {
  const inner = peel(schema).at(-1);
  return (
    inner instanceof z.ZodString ||
    inner instanceof z.ZodStringFormat ||
    inner instanceof z.ZodEnum ||
    (inner instanceof z.ZodLiteral && typeof inner.value === 'string')
  );
}

/** The schema and what stands inside it, while it is optional, preprocessed or transformed. */
function peel(schema: z.core.$ZodType): z.core.$ZodType[] {
  const inner = unwrap(schema);
  return inner === undefined ? [schema] : [schema, ...peel(inner)];
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType | undefined {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) return schema.unwrap();
  if (!(schema instanceof z.ZodPipe)) return undefined;
  return schema.in instanceof z.ZodTransform ? schema.out : schema.in;
}
