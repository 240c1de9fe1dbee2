import type { FastifyInstance } from 'fastify';
import type { Jobs } from '../../controller/jobs.ts';
import type { AskedRequest } from '../../controller/read-request.ts';
import { toPath } from '../../requests/format-issue.ts';
import { type JobRequest, JobRequestSchema } from '../../requests/job-request.ts';
import { TOKEN_SECURITY } from '../openapi/problem-responses.ts';
import { JOB_PROBLEMS, type JobParams, Params } from './job-params.ts';

/** `GET /train/{job_id}/request`. */
export function registerGetJobRequest(app: FastifyInstance, jobs: Jobs): void {
  app.get<JobParams>('/train/:job_id/request', {
    schema: {
      tags: ['jobs'],
      security: TOKEN_SECURITY,
      operationId: 'getJobRequest',
      summary: 'Show what a job was asked for',
      description:
        'The request as it was sent, and as the training reads it with all defaults, both without credentials. They stay as long as the job does. A rerun is made of `request`, changed by its merge patch.',
      params: Params,
      response: { 200: JobRequestSchema.describe('What was asked for') },
      problems: JOB_PROBLEMS,
    },
    handler: async ({ params }) => toJobRequest(await jobs.readRequest(params.job_id)),
  });
}

function toJobRequest({ record, kept, resolved }: AskedRequest): JobRequest {
  const { body, withheld = [], values } = kept ?? {};
  return {
    job_id: record.id,
    request: body === undefined ? null : { ...body },
    withheld: withheld.map(toPath),
    credentials: withheld.length === 0 ? 'none' : values === undefined ? 'gone' : 'kept',
    resolved_request: resolved === undefined ? null : { ...resolved },
  };
}
