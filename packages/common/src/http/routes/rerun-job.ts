import type { FastifyInstance } from 'fastify';
import { prepareRerun } from '../../backends/prepare-rerun.ts';
import { TrainerError } from '../../errors.ts';
import type { RerunOrigin } from '../../jobs/job.ts';
import { type ParsedRerun, parseRerun, RerunSchema } from '../../requests/rerun.ts';
import { toRerunFingerprint } from '../../requests/rerun-fingerprint.ts';
import { TrainingResponseSchema } from '../../requests/training-response.ts';
import { TOKEN_SECURITY } from '../openapi/problem-responses.ts';
import { compileValidator } from '../plugins/validation.ts';
import { actorOf, logAsked } from './asked-line.ts';
import { type JobParams, Params } from './job-params.ts';
import { type SubmitJobParts, writeAcceptance } from './submit-job.ts';
import { writeTrainingText } from './training-text.ts';

/** `POST /train/{job_id}/rerun`. */
export function registerRerunJob(app: FastifyInstance, parts: SubmitJobParts): void {
  const { backend, jobs, responses } = parts;
  const toOrigin = (parentId: string, asked: ParsedRerun): RerunOrigin | undefined => {
    const { jobId, from, changes, violations } = asked;
    if (jobId === undefined || from === undefined || violations.length > 0) return undefined;
    const rerun = { parentId, jobId, from, changes };
    return {
      jobId: parentId,
      from,
      fingerprint: toRerunFingerprint(rerun, backend.format.shape),
    };
  };
  app.post<JobParams>('/train/:job_id/rerun', {
    schema: {
      tags: ['jobs'],
      security: TOKEN_SECURITY,
      operationId: 'rerunJob',
      summary: 'Run an ended job again, as a new one',
      description:
        'Makes a new job of what was sent for one that has ended, with `changes`, from its last checkpoint or from the start; the ended job stays as it is. Sent again, it creates nothing and answers with the state of the new job. Stored credentials are taken over only where the changes touch nothing but `tuning_parameters`, `customization` (without `peft.config`), `resources`, `datasets[].split` and `callbacks`; else, and once they are deleted, the answer names which to give. Callbacks are never taken over.',
      params: Params,
      body: RerunSchema,
      response: { 200: TrainingResponseSchema.describe('The new job was accepted, now or before') },
      problems: [
        'INVALID_REQUEST',
        'SUBMISSION_REFUSED',
        'JOB_NOT_FOUND',
        'JOB_CONFLICT',
        'JOB_NOT_ENDED',
        'JOB_BEING_STOPPED',
        'RERUN_REFUSED',
        'PAYLOAD_TOO_LARGE',
        'UNSUPPORTED_MEDIA_TYPE',
        'TOO_MANY_JOBS',
      ],
    },
    // All violations of the body and of the request that it makes are told together.
    validatorCompiler: (part) =>
      part.httpPart === 'body' ? (body) => ({ value: body }) : compileValidator(part as never),
    serializerCompiler: () => writeTrainingText,
    handler: async (request, reply) => {
      const { job_id: parentId } = request.params;
      const by = actorOf(request);
      const asked = parseRerun(request.body, parentId);
      const origin = toOrigin(parentId, asked);
      const prepare = async () =>
        prepareRerun(parts, await jobs.readRerunSource(parentId, asked.from), asked, origin);
      const readAsked = async () => (await orNone(prepare()))?.asked;
      const replayed =
        origin && asked.jobId && (await jobs.replayRerun(asked.jobId, origin, readAsked, by));
      if (replayed) {
        writeAcceptance(reply, replayed, true);
        return responses.describe(replayed, reply);
      }
      const { isReplay, ...answer } = await jobs.submit(await prepare(), by);
      const { record } = answer.view;
      if (!isReplay) logAsked(request, 'job accepted', record, { rerun_of: parentId });
      writeAcceptance(reply, answer, isReplay);
      return responses.describe(answer, reply);
    },
  });
}

/** None where what is asked for is refused. */
async function orNone<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof TrainerError) return undefined;
    throw error;
  }
}
