/** What a command ended with. */
export const EXIT = {
  ok: 0,
  /** `wait`: the job ended otherwise. */
  jobNotSucceeded: 1,
  usage: 2,
  refused: 3,
  unavailable: 4,
  timeout: 5,
  interrupted: 130,
} as const;

export const USAGE = `trainer: submits, watches and cancels training jobs

  trainer submit FILE [--wait]   submits the request in a JSON or YAML file
  trainer rerun ID [FILE]        runs an ended job again, as a new one, with the changes in a file
  trainer list                   lists the newest jobs, and how many there are
  trainer status ID              shows a job
  trainer request ID             prints the request of a job, without credentials
  trainer why ID                 tells what a job waits for or why it ended, and what to do
  trainer wait ID                waits until a job has ended, with a progress bar
  trainer watch [ID…]            prints what happens to jobs: to these, until all have ended, or to all
  trainer events ID              shows what happened to a job, and who had it done
  trainer logs [-f] ID           prints what a job writes; -f: until it has ended
  trainer metrics ID [NAME]      draws a metric over the steps, loss by default
  trainer cancel ID [--save]     asks for the end of a job; --save: with a checkpoint before
  trainer deliveries             lists the final callbacks of all jobs
  trainer replay ID              sends the newest callback of a job again
  trainer replay --state STATE   sends all final callbacks of a state again, 1,000 at most
  trainer callbacks ID FILE      changes where callbacks go, by the merge patch in a file
  trainer forget ID [--force]    deletes a job that has ended, with its credentials
  trainer plan FILE              tells what would become of the request, and creates nothing
  trainer version                which release the service is, and where it runs jobs
  trainer render FILE            prints the TrainJob of a request as YAML, without any service
  trainer check FILE             checks the data of a request, without training

FILE may be -, for standard input.

  --json               prints JSON, for programs
  --timeout SECONDS    how long to wait, with wait, watch and --wait
  --wait               with submit and rerun: waits for the end, as wait does
  --as ID              with rerun: the id of the new job, ID-r2 by default
  --from start         with rerun: start, the default, or checkpoint for the last one of the job
  --resolved           with request: as the training reads it, with all defaults
  --force              with forget: gives up a final callback that is not delivered yet
  --status STATUS      with list and watch: only jobs of this status; may be given several times
  --reason REASON      with list: only jobs of this reason
  --model, --method, --provider NAME
                       with list: only jobs of this one
  --label KEY=VALUE    with list: only jobs with this label; may be given several times
  --rerun-of ID        with list: only jobs that this one was run again as
  --limit NUMBER       with list: how many at most, 50 by default
  --tail NUMBER        with logs: only so many of the newest lines of each node
  --since TIME         with logs: only from this time on, such as 2026-11-26T09:00:00Z
  --node NUMBER        with logs: only this node, from 0 on
  --attempt NUMBER     with logs: only this run of the job, from 1 on
  --previous           with logs: what was written before a crash
  --state STATE        of callbacks: pending, delivered, gone or expired
  --backend NAME       the service that renders, with render: by default one that accepts
  --help               prints this

TRAINER_URL            where the service is, such as http://localhost:8082
TRAINER_API_TOKEN      its token, if it wants one
render reads the settings of the services, such as TRAINER_JOBS_NAMESPACE, too.
TRAINER_LOCAL_PYTHON   check: a Python that has the packages of runtime/; else the one that
                       \`npm start -- --runner local\` makes

Exit codes: 0 done (with wait and watch: the jobs succeeded), 1 a job failed or was cancelled, 2 wrong
usage or an unreadable file, 3 refused (with logs: the log is gone; with request: it is not kept; with
plan: the request has errors; with check: the data cannot be trained on), 4 the service, or the data's
storage, cannot be reached or is in trouble, 5 --timeout is over, 130 interrupted.
`;

/** What the user must do otherwise; one sentence. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
