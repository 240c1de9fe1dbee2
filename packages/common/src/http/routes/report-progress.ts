import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { JobRecord } from '../../jobs/job.ts';
import type { Reports } from '../../reports/reports.ts';
import { type Report, ReportAnswerSchema, ReportSchema } from '../../requests/report.ts';
import { readToken } from '../plugins/auth.ts';
import { type JobParams, Params } from './job-params.ts';

/**
 * `POST /train/{job_id}/reports`, for the trainings themselves. Who reports is known before the body
 * is read, so that nobody else has it parsed.
 */
export function registerReportProgress(app: FastifyInstance, reports: Reports): void {
  const admitted = new WeakMap<FastifyRequest, JobRecord>();
  app.post<JobParams & { Body: Report }>('/train/:job_id/reports', {
    logLevel: 'warn',
    schema: { params: Params, body: ReportSchema, response: { 200: ReportAnswerSchema } },
    preParsing: async (request) => {
      const { job_id } = request.params as JobParams['Params'];
      admitted.set(request, reports.admit(job_id, readToken(request)));
    },
    handler: async (request) => {
      const record = admitted.get(request);
      if (record === undefined) throw new Error('the report was not admitted');
      return reports.take(record, request.body);
    },
  });
}
