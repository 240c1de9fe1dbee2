import type { FastifyInstance, FastifySchemaCompiler } from 'fastify';
import type { FastifySerializerCompiler } from 'fastify/types/schema.js';
import { z } from 'zod';
import { errors, type TrainerError } from '../../errors.ts';
import { toViolation } from '../../requests/format-issue.ts';

/**
 * Makes the schemas of routes count: what comes in is checked and converted, query names that no
 * schema has are left out, and an answer that is not as described is a fault of ours.
 */
export function registerValidation(app: FastifyInstance): void {
  app.setValidatorCompiler(compileValidator);
  app.setSerializerCompiler(compileSerializer);
}

const compileValidator: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  const compiled = z.compile(schema);
  const toError = httpPart === 'params' ? toPathError : toRequestError;
  return (value: unknown) => {
    const result = compiled.safeParse(value);
    return result.success ? { value: result.data } : { error: toError(result.error) };
  };
};

const compileSerializer: FastifySerializerCompiler<z.ZodType> = ({ schema }) => {
  const compiled = z.compile(schema);
  return (answer) => JSON.stringify(compiled.parse(answer));
};

function toRequestError({ issues }: z.ZodError): TrainerError {
  return errors.invalid(issues.map(toViolation));
}

/** An id that no job can have names no job; the sentence says what ids look like. */
function toPathError({ issues }: z.ZodError): TrainerError {
  return errors.jobIdImpossible(issues[0]?.message ?? '');
}
