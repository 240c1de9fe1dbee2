import type { FastifyInstance, FastifySchemaCompiler } from 'fastify';
import type { FastifySerializerCompiler } from 'fastify/types/schema.js';
import { z } from 'zod';
import { errors, type TrainerError, type Violation } from '../../errors.ts';
import { toPath, toViolation } from '../../requests/format-issue.ts';
import { findNearestName } from '../../requests/nearest-name.ts';

/**
 * Makes the schemas of routes count: what comes in is checked and converted, and an answer that is
 * not as described is a fault of ours.
 */
export function registerValidation(app: FastifyInstance): void {
  app.setValidatorCompiler(compileValidator);
  app.setSerializerCompiler(compileSerializer);
}

/** What checks and converts one part of a request. */
export const compileValidator: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  const compiled = z.compile(schema);
  return (value: unknown) => {
    const result = compiled.safeParse(value);
    if (result.success) return { value: result.data };
    const { issues } = result.error;
    if (httpPart === 'params') return { error: toPathError(issues) };
    const violations = issues.flatMap((issue) =>
      httpPart === 'querystring' && issue.code === 'unrecognized_keys'
        ? toUnknownNames(issue, schema)
        : [toViolation(issue)],
    );
    return { error: errors.invalid(violations) };
  };
};

/** The same for a route that checks its body itself. */
export const compileAllButBody: FastifySchemaCompiler<unknown> = ({ schema, ...part }) =>
  part.httpPart === 'body'
    ? (value: unknown) => ({ value })
    : compileValidator({ ...part, schema: schema as z.ZodType });

const compileSerializer: FastifySerializerCompiler<z.ZodType> = ({ schema }) => {
  const compiled = z.compile(schema);
  return (answer) => JSON.stringify(compiled.parse(answer));
};

/** Names that a query must not have, each with the one that was most likely meant. */
function toUnknownNames(
  { keys }: z.core.$ZodIssueUnrecognizedKeys,
  schema: z.ZodType,
): Violation[] {
  const known = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  return keys.map((key) => {
    const path = toPath([key]);
    if (known.length === 0)
      return { path, message: `${path} is not known here: the query must be empty.` };
    const { name } = findNearestName(key, known);
    const names = known.join(', ');
    return {
      path,
      message: `${path} is not known here, the nearest is ${name}: the query may have ${names}.`,
    };
  });
}

/** An id that no job can have names no job; the sentence says what ids look like. */
function toPathError(issues: readonly z.core.$ZodIssue[]): TrainerError {
  return errors.jobIdImpossible(issues[0]?.message ?? '');
}
