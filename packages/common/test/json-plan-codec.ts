import type { RunnerPlan } from '../src/jobs/job.ts';
import type { PlanCodec } from '../src/stores/secrets/secret-payload.ts';

/** Keeps any plan and its echo as they are. */
export const jsonPlanCodec: PlanCodec = {
  encode: ({ plan, echo }) => ({
    '.plan.json': JSON.stringify(plan),
    '.echo.json': JSON.stringify(echo),
  }),
  decode: (read): RunnerPlan => ({
    plan: JSON.parse(read('.plan.json') ?? ''),
    echo: JSON.parse(read('.echo.json') ?? ''),
  }),
};
