import { z } from 'zod';

/** What the schema says of a field that holds a credential. */
export interface CredentialMark {
  /** Often a plain word such as a login, which would be found in harmless texts too. */
  readonly isWord: boolean;
  /** The value of an `Authorization` header: a scheme, and then the credential. */
  readonly hasScheme: boolean;
}

const marks = z.registry<CredentialMark>();

/**
 * Marks a field as a credential: a text, or a map whose values are credentials. Whatever is shown,
 * kept or compared learns from this mark, and from nothing else, that it must leave the field out.
 */
export function credential<T extends z.ZodType>(
  schema: T,
  { isWord = false, hasScheme = false }: Partial<CredentialMark> = {},
): T {
  marks.add(schema, { isWord, hasScheme } as never);
  return schema;
}

/** The mark of exactly this schema; what wraps it has none of its own. */
export function markOf(schema: z.core.$ZodType): CredentialMark | undefined {
  return marks.get(schema);
}
