import { z } from 'zod';
import { credential } from './credential-mark.ts';
import { removable } from './field.ts';
import { JobStatusSchema } from './job-status.ts';
import { CALLBACK_FIELDS } from './training-request.ts';

/** The body of `PATCH /train/{job_id}/callbacks`: a JSON merge patch (RFC 7396). */
export const CallbackPatchSchema = z
  .strictObject({
    webhook_url: removable(CALLBACK_FIELDS.webhook_url).describe(
      'Where callbacks go from now on; null for none. Another one than before drops the stored `auth_header`, unless one is given',
    ),
    auth_header: credential(removable(CALLBACK_FIELDS.auth_header)).describe(
      'Credential: sent as `Authorization` of each callback; null for none',
    ),
    event_filter: removable(CALLBACK_FIELDS.event_filter).describe(
      'Send only these statuses, and the end always; null for all of them',
    ),
  })
  .meta({ id: 'CallbackPatch' });
export type CallbackPatchBody = z.output<typeof CallbackPatchSchema>;
export type CallbackPatchInput = z.input<typeof CallbackPatchSchema>;

/** Where the callbacks of a job go, as far as it is shown. */
export const CallbackSettingsSchema = z
  .object({
    job_id: z.string().describe("The caller's own id of the job"),
    webhook_url: z
      .string()
      .nullable()
      .describe(
        'Where callbacks go, without what may be a credential: user info, query, and what looks like a token in the path; null for none',
      ),
    has_auth_header: z.boolean().describe('Whether an `auth_header` is sent'),
    event_filter: z
      .array(JobStatusSchema)
      .nullable()
      .describe('The statuses that are sent besides the end; null for all of them'),
  })
  .meta({ id: 'CallbackSettings' });
export type CallbackSettings = z.output<typeof CallbackSettingsSchema>;
