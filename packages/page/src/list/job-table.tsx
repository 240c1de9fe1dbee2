import { formatDuration } from '../format/duration.ts';
import { toWords } from '../format/words.ts';
import { DeliveryState } from '../parts/delivery-state.tsx';
import { Progress } from '../parts/progress.tsx';
import { Status } from '../parts/status.tsx';
import { Time } from '../parts/time.tsx';
import { useNow } from '../parts/use-now.ts';
import { toJobHash } from '../route.ts';
import { Family } from './family.tsx';
import type { JobRow } from './job-list.ts';
import type { OwnedRow } from './merge-lists.ts';
import { toRowKey } from './steady-rows.ts';

interface JobTableProps {
  readonly rows: readonly OwnedRow[];
  /** Whether the rows may be of several services. */
  readonly showsService: boolean;
}

/** Jobs, one a row. */
export function JobTable({ rows, showsService }: JobTableProps) {
  const now = useNow();
  if (rows.length === 0) return <p class="empty muted">There are no such jobs.</p>;
  return (
    <table class="jobs">
      <thead>
        <tr>
          <th scope="col">Job</th>
          {showsService && <th scope="col">Service</th>}
          <th scope="col">Status</th>
          <th scope="col" class="wide">
            Phase
          </th>
          <th scope="col">Progress</th>
          <th scope="col" class="wide">
            Model
          </th>
          <th scope="col" class="wide">
            Method
          </th>
          <th scope="col" class="wide">
            GPUs
          </th>
          <th scope="col" class="wide">
            Took
          </th>
          <th scope="col" class="wide">
            Callback
          </th>
          <th scope="col" class="wide">
            Created
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <Row key={toRowKey(row)} row={row} showsService={showsService} now={now} />
        ))}
      </tbody>
    </table>
  );
}

interface RowProps extends Pick<JobTableProps, 'showsService'> {
  readonly row: OwnedRow;
  readonly now: number;
}

function Row({ row, showsService, now }: RowProps) {
  const { job_id, service, status, reason, detail, phase, progress, timestamps } = row;
  const { model, method, gpus } = row;
  const isLive = status === 'submitted' || status === 'running';
  return (
    <tr>
      <td>
        <a class="id" href={toJobHash(service, job_id)}>
          {job_id}
        </a>
        <Family of={row} />
      </td>
      {showsService && <td class="muted">{service}</td>}
      <td title={detail}>
        <Status status={status} />
        {SAY_WHY.has(status) && <span class="why">{toWords(reason)}</span>}
        {phase === 'stalled' && <span class="why narrow">{toWords(phase)}</span>}
      </td>
      <td class="wide">{phase ? toWords(phase) : <span class="muted">–</span>}</td>
      <td>
        {isLive && (
          <Progress
            percentage={progress?.percentage}
            remainingSeconds={progress?.estimated_remaining_seconds}
            label={`Progress of ${job_id}`}
          />
        )}
      </td>
      <td class="wide model" title={model ?? undefined}>
        {model ?? <span class="muted">–</span>}
      </td>
      <td class="wide">{method ?? <span class="muted">–</span>}</td>
      <td class="wide number">{gpus ?? <span class="muted">–</span>}</td>
      <td class="wide number">{toDuration(timestamps, now)}</td>
      <td class="wide">
        <DeliveryState state={row.delivery} />
      </td>
      <td class="wide muted">
        <Time value={timestamps.created_at} />
      </td>
    </tr>
  );
}

/** Of the others, the reason says no more than the status. */
const SAY_WHY = new Set<string>(['submitted', 'failed']);

/** From its creation to its end, or to now. */
function toDuration({ created_at, ended_at }: JobRow['timestamps'], now: number): string {
  if (created_at === null) return '–';
  const untilMs = ended_at === null ? now : Date.parse(ended_at);
  return formatDuration(untilMs - Date.parse(created_at));
}
