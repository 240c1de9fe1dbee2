import type { Job } from '@trainer/client';
import { formatCount, formatMetric } from '../format/number.ts';
import { toWords } from '../format/words.ts';
import { CopyButton } from '../parts/copy-button.tsx';
import { Facts } from '../parts/facts.tsx';
import { JsonDetails } from '../parts/json-details.tsx';
import { Section } from '../parts/section.tsx';

/** What came of a job, as its training says. */
export function Result({ job }: { readonly job: Job }) {
  const { result } = job;
  if (result === null || result === undefined) return null;
  const { model_uri, comparison, ...rest } = result;
  const simple = Object.entries(rest).filter(
    ([, value]) => typeof value === 'string' || typeof value === 'number',
  );
  return (
    <Section title="Result">
      {model_uri !== undefined && (
        <p class="address">
          <code>{model_uri}</code>
          <CopyButton text={model_uri} what="the model's address" />
        </p>
      )}
      <Facts of={simple.map(([name, value]) => [toWords(name), toText(value)])} />
      {comparison !== undefined && (
        <JsonDetails title="The tuned model beside its base" value={comparison} />
      )}
    </Section>
  );
}

function toText(value: unknown): string {
  if (typeof value !== 'number') return String(value);
  return Number.isInteger(value) ? formatCount(value) : formatMetric(value);
}
