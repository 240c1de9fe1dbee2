import { toJobHash, toListHash } from '../route.ts';
import type { OwnedRow } from './merge-lists.ts';

/** Of which job this one is a rerun, and as which it was run again. */
export function Family({ of }: { readonly of: OwnedRow }) {
  const { service, job_id, rerun_of, reruns = [], timestamps } = of;
  const [first, ...others] = reruns;
  const all = toListHash(new URLSearchParams({ service, rerun_of: job_id }));
  return (
    <>
      {rerun_of && (
        <span class="family">
          Run again from{' '}
          <a class="id" href={toJobHash(service, rerun_of, timestamps.created_at)}>
            {rerun_of}
          </a>
        </span>
      )}
      {first !== undefined && (
        <span class="family">
          Run again{' '}
          {others.length > 0 ? (
            <a href={all}>{reruns.length} times</a>
          ) : (
            <>
              as{' '}
              <a class="id" href={toJobHash(service, first)}>
                {first}
              </a>
            </>
          )}
        </span>
      )}
    </>
  );
}
