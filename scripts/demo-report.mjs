const BAR_WIDTH = 30;

/** One line on a job that has not ended, or just has. */
export function describeProgress({ status, detail, progress }) {
  const { percentage, estimated_remaining_seconds: left, metrics } = progress ?? {};
  if (status !== 'running' || typeof percentage !== 'number') return `${status}: ${detail}`;
  const filled = Math.round((percentage / 100) * BAR_WIDTH);
  const bar = '#'.repeat(filled).padEnd(BAR_WIDTH, '-');
  const parts = [`[${bar}] ${Math.floor(percentage)} %`];
  if (typeof metrics?.loss === 'number') parts.push(`loss ${metrics.loss.toFixed(2)}`);
  if (percentage >= 100) parts.push('comparing it with its base model, and saving');
  else if (typeof left === 'number') parts.push(`${Math.ceil(left)} s left`);
  return parts.join('  ');
}

/** Base and tuned model side by side, by loss and by one answer. */
export function describeComparison({ rows, rows_kind, base_loss, tuned_loss, verdict, prompts }) {
  const [first] = prompts;
  return [
    `                     base      tuned`,
    `loss on ${`${rows} rows`.padEnd(13)}${base_loss.toFixed(2).padEnd(10)}${tuned_loss.toFixed(2)}   (${rows_kind} rows)`,
    ...(first === undefined
      ? []
      : [
          `asked                ${toOneLine(first.prompt)}`,
          `base answers         ${toOneLine(first.base)}`,
          `tuned answers        ${toOneLine(first.tuned)}`,
        ]),
    ...verdict,
  ].join('\n');
}

/** Where the adapter lies, and the three lines that load it. */
export function describeLoading(python, model, adapter) {
  return [
    `The adapter lies in ${adapter}. Load it in ${python}:`,
    '',
    'from peft import PeftModel',
    'from transformers import AutoModelForCausalLM',
    `model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(${JSON.stringify(model)}), ${JSON.stringify(adapter)})`,
  ].join('\n');
}

/** Words without what a chat template puts around them, and short enough for a line. */
function toOneLine(text) {
  const words = text
    .replaceAll(/<\|im_start\|>(user|assistant|system)?|<\|im_end\|>/g, ' ')
    .replaceAll(/[\p{C}\s]+/gu, ' ')
    .trim();
  return words.length > 70 ? `${words.slice(0, 69)}…` : words;
}
