import type { z } from 'zod';
import { optional } from '../requests/field.ts';
import type { TrainingRequest } from '../requests/training-request.ts';

type Variables = Readonly<Record<string, string>>;

/** A key of `extra_parameters` that one backend adds to those of every service. */
export interface ExtraParameter<T = unknown> {
  readonly name: string;
  /** Takes null, absent and, for texts, empty as not given. */
  readonly schema: z.ZodType<T | undefined>;
  /** Its value in a request that a backend which knows it has parsed. */
  readonly valueIn: (request: TrainingRequest) => T | undefined;
  /**
   * The variables that it becomes, in the jobs of every service; undefined when only its own
   * backend acts on it.
   */
  readonly toVariables: ((request: TrainingRequest) => Variables) | undefined;
}

export interface ExtraParameterOptions<S extends z.ZodType> {
  readonly name: string;
  /** Of a given value. A credential is marked with `credential`. */
  readonly schema: S;
  /** What the API's description says of it. */
  readonly description: string;
  /** Variables of the training container, without credentials. */
  readonly toVariables?: (value: z.output<S>) => Variables;
}

/** Declares an extra parameter, which a request may always leave out. */
export function createExtraParameter<S extends z.ZodType>(
  options: ExtraParameterOptions<S>,
): ExtraParameter<z.output<S>> {
  const { name, schema, description, toVariables } = options;
  const valueIn = ({ extra_parameters }: TrainingRequest) =>
    extra_parameters[name] as z.output<S> | undefined;
  return {
    name,
    schema: optional(schema).describe(description),
    valueIn,
    toVariables:
      toVariables &&
      ((request) => {
        const value = valueIn(request);
        return value === undefined ? {} : toVariables(value);
      }),
  };
}
