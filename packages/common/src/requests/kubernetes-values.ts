import { z } from 'zod';
import { DNS_NAME } from '../dns-names.ts';

export const dnsName = z.string().regex(DNS_NAME, {
  error: 'must be a Kubernetes name: lower-case letters, digits, "-" and "."',
});

/** Labels, annotations and variables are texts; numbers and booleans are written as such. */
export const scalar = z.union(
  [z.string(), z.number().transform(String), z.boolean().transform(String)],
  { error: 'must be a text, a number or a boolean' },
);
export const scalars = z.record(z.string().min(1), scalar);

/** Of words and variables; each is compared with each to find credentials in plain sight. */
export const MAX_ENTRIES = 1000;
