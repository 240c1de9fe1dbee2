import type { ClusterAudit } from './cluster-audit.ts';
import type { Fleet } from './fleet.ts';
import type { AcceptedJob } from './job.ts';
import { RetryingClient } from './retrying-client.ts';
import type { Checkpoints } from './steering.ts';

/** Of every job, as the workload asks for it. */
export const OUTPUT_URI = 's3://bucket/out/';
export const HF_TOKEN = 'hf_chaos_token';

/** The checkpoints of jobs whose pods are only played: reported from here, with the tokens that those have. */
export class ReportedCheckpoints implements Checkpoints {
  readonly #client: RetryingClient;
  readonly #audit: Pick<ClusterAudit, 'readReportToken'>;

  constructor(fleet: Pick<Fleet, 'reportsUrls'>, audit: Pick<ClusterAudit, 'readReportToken'>) {
    this.#client = new RetryingClient({
      get urls() {
        return fleet.reportsUrls;
      },
    });
    this.#audit = audit;
  }

  of(jobId: string): string {
    return `${OUTPUT_URI}${jobId}/checkpoints/checkpoint-10`;
  }

  elsewhere(jobId: string): object {
    return {
      artifacts: { output_uri: `s3://bucket/elsewhere/${jobId}/` },
      // What is stored goes nowhere else.
      base_model: { huggingface_token: HF_TOKEN },
    };
  }

  /** What is refused came too late: the run is gone, or the job. */
  async report({ id, name }: AcceptedJob): Promise<void> {
    const token = await this.#audit.readReportToken(name);
    if (token === undefined) return;
    const checkpoint = { step: 10, uri: this.of(id), time: Date.now() / 1000 };
    await this.#client.insist({
      ...{ method: 'POST', path: `/train/${id}/reports`, authorization: `Bearer ${token}` },
      body: { attempt: 1, step: 10, checkpoints: [checkpoint] },
    });
  }
}
