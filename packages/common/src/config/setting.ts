import { z } from 'zod';
import { DNS_NAME } from '../dns-names.ts';

/** One environment variable: how its text is read, and what that must be. */
export interface Setting<T> {
  readonly schema: z.ZodType<T, string | undefined>;
  /** Completes "it must be …". */
  readonly accepts: string;
  /** Its value may be a credential and is never repeated. */
  readonly secret?: boolean;
}

const MAX_SECONDS = 10 * 365 * 86_400;

export const text = z.string().min(1);
export const dnsName = z.string().regex(DNS_NAME);
export const list = z
  .string()
  .transform((value) => value.split(',').map((item) => item.trim()))
  .transform((items) => items.filter((item) => item !== ''))
  .pipe(z.array(z.string()).min(1));

/** A decimal number of seconds in the environment, milliseconds in the config. */
export function seconds(fallback: number, min: number, max = MAX_SECONDS): Setting<number> {
  return {
    schema: decimal(min, max)
      .default(fallback)
      .transform((value) => value * 1000),
    accepts: `a number of seconds from ${min} to ${max}`,
  };
}

export function integer(fallback: number, min: number, max: number): Setting<number> {
  return {
    schema: decimal(min, max).pipe(z.int()).default(fallback),
    accepts: `a whole number from ${min} to ${max}`,
  };
}

export function decimal(min: number, max: number) {
  return z
    .string()
    .regex(/^\d+(\.\d+)?$/)
    .transform(Number)
    .pipe(z.number().min(min).max(max));
}

export function choice<const T extends string>(fallback: T, values: readonly T[]): Setting<T> {
  return {
    schema: z.enum(values as readonly [T, ...T[]]).default(fallback as never) as never,
    accepts: `one of ${values.join(', ')}`,
  };
}

export function json<T>(schema: z.ZodType<T>, accepts: string): Setting<T | undefined> {
  const parsed = z.string().transform((value, context) => {
    try {
      return JSON.parse(value) as unknown;
    } catch {
      context.addIssue({ code: 'custom', message: 'not JSON' });
      return z.NEVER;
    }
  });
  return { schema: parsed.pipe(schema as z.ZodType<T, unknown>).optional(), accepts };
}

export const flag: Setting<boolean> = {
  schema: z
    .enum(['true', 'false', '1', '0'])
    .default('false')
    .transform((value) => value === 'true' || value === '1'),
  accepts: 'true or false',
};
export const optionalText: Setting<string | undefined> = {
  schema: text.optional(),
  accepts: 'a text that is not empty',
};
export const plainUrl: Setting<string | undefined> = {
  schema: z
    .string()
    .regex(/^https?:\/\/[^\s@?#]+$/)
    .refine((value) => URL.canParse(value))
    .optional(),
  accepts: 'an http(s) URL without user name, password and query',
  secret: true,
};
export const optionalDnsName: Setting<string | undefined> = {
  schema: dnsName.optional(),
  accepts: 'a Kubernetes name: lower-case letters, digits, - and .',
};
