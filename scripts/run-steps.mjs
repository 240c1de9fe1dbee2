import { binOf } from './project-paths.mjs';
import { Supervisor } from './supervisor.mjs';

/** Runs steps one after the other up to the first that fails; resolves to the exit code. */
export async function runSteps(steps, { node, extraArgs }) {
  const supervisor = new Supervisor(node);
  for (const [index, step] of steps.entries()) {
    console.log(`\n== ${step.name}`);
    const args = [...step.args, ...(index === steps.length - 1 ? extraArgs : [])];
    const child =
      'packageName' in step
        ? supervisor.startTool([binOf(step.packageName), ...args])
        : supervisor.startProgram([step.file, ...args]);
    const code = await child.ended;
    if (code !== 0) {
      if (!supervisor.stopAsked) console.error(`\n${step.name} failed.`);
      return code;
    }
  }
  return 0;
}
