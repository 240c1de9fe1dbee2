import type { TrainingResponse } from '@trainer/common';

export declare function describeProgress(
  job: Pick<TrainingResponse, 'status' | 'detail' | 'progress'>,
): string;
export declare function describeComparison(comparison: {
  readonly rows: number;
  readonly rows_kind: string;
  readonly base_loss: number;
  readonly tuned_loss: number;
  readonly verdict: readonly string[];
  readonly prompts: readonly {
    readonly prompt: string;
    readonly base: string;
    readonly tuned: string;
  }[];
}): string;
export declare function describeLoading(python: string, model: string, adapter: string): string;
