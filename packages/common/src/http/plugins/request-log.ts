import { type FastifyReply, type FastifyRequest, LogController } from 'fastify';
import { JobIdSchema } from '../../requests/job-status.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** The `backend_job_id` of a job that is kept, without any call. */
    findBackendJobId?(jobId: string): string | undefined;
  }
}

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
  return {
    req: request,
    ...toLoggedRequest(request),
    status: reply.statusCode,
    duration_ms: Math.round(reply.elapsedTime * 1000) / 1000,
  };
}

/** Which job a request is about, and who sent it, as far as that is known. */
export function toLoggedRequest(request: FastifyRequest) {
  const jobId = toJobId(request);
  const by = request.caller?.name;
  // For whoever may ask for it at all.
  const isLookedUp = jobId !== undefined && by !== undefined;
  const name = isLookedUp ? request.server.findBackendJobId?.(jobId) : undefined;
  return { job_id: jobId, backend_job_id: name, by };
}

/** The job that a request is about, by its path or by what it submits; other texts are no ids. */
function toJobId({ params, body }: Pick<FastifyRequest, 'params' | 'body'>): string | undefined {
  const inPath = (params as { job_id?: unknown } | undefined)?.job_id;
  const inBody = (body as { job_id?: unknown } | undefined | null)?.job_id;
  return JobIdSchema.safeParse(inPath ?? inBody).data;
}
