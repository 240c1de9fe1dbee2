import { EXAMPLE_EVENTS } from './examples.ts';

const text = { type: 'string' };
const header = (name: string, required: boolean, description: string, schema: object = text) => ({
  name,
  in: 'header',
  required,
  description,
  schema,
});

/** The OpenAPI callback of `POST /train`: what a service sends to the webhook of a request. */
export const CALLBACKS = {
  jobChanged: {
    '{$request.body#/callbacks/webhook_url}': {
      post: {
        tags: ['callbacks'],
        operationId: 'receiveCallback',
        security: [],
        summary: 'Receive an event of a job',
        description: [
          'Sent at once for every change of status or reason, and once a minute or as often as the operator set while the job is submitted or running; once more, and then no more, when it ended.',
          'The request also carries `Authorization`, when it gave `callbacks.auth_header`.',
          'By [Standard Webhooks](https://www.standardwebhooks.com/): at least once, and never two of one job at a time. Recognise repeated events by `webhook-id` and old ones by `sequence`. The end of a job is tried again, for about a day, until the answer is 2xx or 410; no other event is tried again after a 4xx.',
        ].join('\n\n'),
        parameters: [
          header('webhook-id', true, 'The same in every attempt at one event'),
          header('webhook-timestamp', true, 'When this attempt was made, in UNIX seconds'),
          header(
            'webhook-signature',
            false,
            'Where the operator set signing secrets: `v1,` and the base64 HMAC-SHA256 of `{webhook-id}.{webhook-timestamp}.{body}`; one for each secret, separated by spaces',
          ),
        ],
        requestBody: {
          required: true,
          description: 'At most 8 KiB',
          content: {
            'application/json': {
              schema: { $ref: '#/components/schemas/CallbackEvent' },
              examples: EXAMPLE_EVENTS,
            },
          },
        },
        responses: {
          '2XX': { description: 'It was received' },
          '410': { description: 'This job needs no more callbacks' },
          '429': { description: 'Too many; for the end, `Retry-After` is obeyed' },
          '4XX': { description: 'It is not wanted' },
          '5XX': { description: 'Not now; for the end, `Retry-After` is obeyed' },
        },
      },
    },
  },
};
