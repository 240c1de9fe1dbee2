import { type FastifyReply, type FastifyRequest, LogController } from 'fastify';
import { JobIdSchema } from '../../requests/job-status.ts';

/** One line for each request, when it is answered, instead of Fastify's two. */
export class RequestLog extends LogController {
  constructor() {
    super({ requestIdLogLabel: 'request_id' });
  }

  override incomingRequest(): void {}

  override requestCompleted(
    error: Error | null | undefined,
    request: FastifyRequest,
    reply: FastifyReply,
  ): void {
    const line = toLogLine(request, reply);
    if (error) reply.log.error({ ...line, err: error }, 'request aborted');
    else reply.log.info(line, 'request answered');
  }
}

/** What the access log says of a request. */
export function toLogLine(request: FastifyRequest, reply: FastifyReply) {
  const jobId = toJobId(request);
  return {
    req: request,
    ...(jobId !== undefined && { job_id: jobId }),
    status: reply.statusCode,
    duration_ms: Math.round(reply.elapsedTime * 1000) / 1000,
  };
}

/** The job that a request is about, by its path or by what it submits; other texts are no ids. */
export function toJobId({
  params,
  body,
}: Pick<FastifyRequest, 'params' | 'body'>): string | undefined {
  const inPath = (params as { job_id?: unknown } | undefined)?.job_id;
  const inBody = (body as { job_id?: unknown } | undefined | null)?.job_id;
  return JobIdSchema.safeParse(inPath ?? inBody).data;
}
