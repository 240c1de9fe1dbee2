import { z } from 'zod';
import { dnsName, MAX_ENTRIES, scalar } from './kubernetes-values.ts';

/** A key of a Secret in the jobs' namespace, as Kubernetes spells it. */
const secretKey = z.strictObject({
  secretKeyRef: z.strictObject({
    name: dnsName,
    key: z.string().regex(/^[-._a-zA-Z0-9]{1,253}$/, {
      error: 'must be a key of a Secret: letters, digits, "-", "_" and "."',
    }),
  }),
});
/** A variable whose value is in a Secret that the request does not bring. */
export interface SecretVariable {
  readonly valueFrom: z.output<typeof secretKey>;
}
const variable = z.union([...scalar.options, z.strictObject({ valueFrom: secretKey })]);

/** A map of names and values, or a list as Kubernetes has it. */
export const trainerVariables = z
  .union(
    [
      z.record(z.string(), variable.nullable()),
      z.array(
        z.object({ name: z.string(), value: scalar.nullish(), valueFrom: secretKey.nullish() }),
      ),
    ],
    {
      error:
        'must map names to texts, or be a list of {"name": …, "value": …}, where {"valueFrom": {"secretKeyRef": {"name": …, "key": …}}} may stand for a value',
    },
  )
  .transform((given, context) => {
    const pairs = Array.isArray(given)
      ? given.map(({ name, value, valueFrom }): [string, string | SecretVariable] => {
          if (valueFrom == null) return [name, value ?? ''];
          if (value != null) {
            const message = `must give ${name.slice(0, 80)} a value or a valueFrom, not both`;
            context.addIssue({ code: 'custom', message });
          }
          return [name, { valueFrom }];
        })
      : Object.entries(given).filter(
          (pair): pair is [string, string | SecretVariable] => pair[1] !== null,
        );
    for (const [name, value] of pairs) {
      if (typeof value === 'string' && value.includes('\0')) {
        const message = `must give ${name.slice(0, 80)} a value without NUL characters, which no variable can hold`;
        context.addIssue({ code: 'custom', message });
      }
    }
    if (pairs.length > MAX_ENTRIES) {
      context.addIssue({ code: 'custom', message: `must hold at most ${MAX_ENTRIES} variables` });
    }
    if (new Set(pairs.map(([name]) => name)).size < pairs.length) {
      context.addIssue({ code: 'custom', message: 'must not name a variable twice' });
    }
    return Object.fromEntries<string | SecretVariable>(pairs);
  });
