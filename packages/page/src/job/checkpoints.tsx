import type { Job } from '@trainer/client';
import { formatCount } from '../format/number.ts';
import { CopyButton } from '../parts/copy-button.tsx';
import { Section } from '../parts/section.tsx';
import { Time } from '../parts/time.tsx';

/** The checkpoints that a training has reported, newest first. */
export function Checkpoints({ job }: { readonly job: Job }) {
  if (job.checkpoints.length === 0) return null;
  return (
    <Section title="Checkpoints">
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col" class="right">
                Step
              </th>
              <th scope="col">Saved</th>
              <th scope="col">Address</th>
            </tr>
          </thead>
          <tbody>
            {job.checkpoints.toReversed().map(({ step, uri, saved_at }) => (
              <tr key={uri}>
                <td class="right">{formatCount(step)}</td>
                <td>
                  <Time value={saved_at} />
                </td>
                <td class="address">
                  <code>{uri}</code>
                  <CopyButton text={uri} what="the address" />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  );
}
