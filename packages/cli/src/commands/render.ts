import { defineCommand } from '../command.ts';
import { readRequest } from '../read-request.ts';

/** Prints the TrainJob of a request. */
export const render = defineCommand({
  name: 'render',
  subjects: ['FILE'],
  options: ['backend'],
  usage: [['render FILE', 'prints the TrainJob of a request as YAML, without any service']],
  async run({ subjects: [file], ...args }, context) {
    // It needs the services' own code, which nobody else should wait for.
    const { renderTrainJob } = await import('../render-train-job.ts');
    return renderTrainJob(await readRequest(file, context.stdin), args, context);
  },
});
