import type { createJsonSchemaTransform } from '@fastify/type-provider-zod';
import { z } from 'zod';

type SchemaConfig = NonNullable<Parameters<typeof createJsonSchemaTransform>[0]['zodToJsonConfig']>;

/** Generators refuse a default that is an object; ours are empty, like the object when it is absent. */
const isScalarOrList = (fallback: unknown) =>
  fallback !== undefined && (typeof fallback !== 'object' || Array.isArray(fallback));

/** How schemas are written as JSON Schema, so that generators read in them what is meant. */
export const ZOD_TO_JSON: SchemaConfig = {
  override: ({ zodSchema, jsonSchema }) => {
    // zod leaves out what it takes for the default of the output only.
    const { default: fallback } = z.globalRegistry.get(zodSchema) ?? {};
    if (isScalarOrList(fallback)) jsonSchema.default = fallback as never;
    // An answer may come to hold more, for which clients must be ready.
    if (zodSchema instanceof z.ZodObject && zodSchema.def.catchall === undefined) {
      delete jsonSchema.additionalProperties;
    }
    // The bounds of whole numbers, which say nothing.
    if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  },
};
