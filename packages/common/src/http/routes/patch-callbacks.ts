import type { FastifyInstance } from 'fastify';
import type { Jobs } from '../../controller/jobs.ts';
import { errors } from '../../errors.ts';
import {
  type CallbackPatchBody,
  CallbackPatchSchema,
  type CallbackSettings,
  CallbackSettingsSchema,
} from '../../requests/callback-patch.ts';
import { showWebhook } from '../../requests/credentials.ts';
import { TOKEN_SECURITY } from '../openapi/problem-responses.ts';
import { registerJsonBody } from '../plugins/json-body.ts';
import { actorOf, logAsked } from './asked-line.ts';
import { JOB_PROBLEMS, type JobParams, Params } from './job-params.ts';

export interface PatchCallbacksParts {
  readonly jobs: Jobs;
  /** Completes "webhook_url …" for an address that no webhook may have; undefined where it may. */
  readonly refuseWebhook: (url: string) => string | undefined;
}

/** `PATCH /train/{job_id}/callbacks`, in a scope of its own. */
export function registerPatchCallbacks(
  scope: FastifyInstance,
  { jobs, refuseWebhook }: PatchCallbacksParts,
): void {
  registerJsonBody(scope, { types: ['application/json', 'application/merge-patch+json'] });
  scope.patch<JobParams & { Body: CallbackPatchBody }>('/train/:job_id/callbacks', {
    schema: {
      tags: ['callbacks'],
      security: TOKEN_SECURITY,
      operationId: 'patchCallbacks',
      summary: 'Change where the callbacks of a job go',
      description:
        'A JSON merge patch: what is not there stays, null takes a part away. Possible until the final callback is settled; one that is still due goes to the new address at once. Another `webhook_url` drops the stored `auth_header`, unless one is given. The original submission stays a replay.',
      params: Params,
      body: CallbackPatchSchema,
      response: { 200: CallbackSettingsSchema.describe('Where callbacks go from now on') },
      problems: [
        ...JOB_PROBLEMS,
        'CALLBACK_CHANGE_REFUSED',
        'PAYLOAD_TOO_LARGE',
        'UNSUPPORTED_MEDIA_TYPE',
      ],
    },
    handler: async (request): Promise<CallbackSettings> => {
      const { params, body } = request;
      const refusal = body.webhook_url && refuseWebhook(body.webhook_url);
      if (refusal) {
        throw errors.invalid([{ path: 'webhook_url', message: `webhook_url ${refusal}.` }]);
      }
      const patch = {
        webhookUrl: body.webhook_url,
        authHeader: body.auth_header,
        eventFilter: body.event_filter,
      };
      const { record, target } = await jobs.changeCallback(params.job_id, patch, actorOf(request));
      logAsked(request, 'callbacks changed', record);
      return {
        job_id: params.job_id,
        webhook_url: target === undefined ? null : showWebhook(target.webhookUrl, params.job_id),
        has_auth_header: target?.authHeader !== undefined,
        event_filter: target?.eventFilter === undefined ? null : [...target.eventFilter],
      };
    },
  });
}
