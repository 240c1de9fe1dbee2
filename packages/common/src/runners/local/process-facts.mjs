import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

// Shared by the service and the shim, which is plain JavaScript.

/** The variable that every process of a run carries in its environment. */
export const MARK = 'TRAINER_RUN_ID';

const isLinux = process.platform === 'linux';
/** Of /proc/PID/stat after the command's name, which may hold anything: state and start time. */
const STATE = 0;
const START_TIME = 19;

/** What distinguishes one process from all others, before and after; undefined when none of that pid lives. */
export function identifyProcess(pid) {
  const start = isLinux ? readStartTime(pid) : askStartTime(pid);
  return start === undefined ? undefined : { pid, start, boot: readBootId() };
}

/** Whether the very process still lives. */
export function isSameProcess({ pid, start, boot }) {
  return boot === readBootId() && identifyProcess(pid)?.start === start;
}

/** Changes with every start of the machine. */
export function readBootId() {
  if (isLinux) return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return execFileSync('sysctl', ['-n', 'kern.boottime'], { encoding: 'utf8' }).trim();
}

/** The pids of all processes but this one that carry the mark of a run; none are seen without /proc. */
export function findMarkedProcesses(runId) {
  if (!isLinux) return [];
  const wanted = `\0${MARK}=${runId}\0`;
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) return [];
    try {
      return `\0${readFileSync(`/proc/${pid}/environ`, 'latin1')}`.includes(wanted) ? [pid] : [];
    } catch {
      // It has just ended, or is another user's.
      return [];
    }
  });
}

/** Kills every process of a run; whether none was left. */
export function killMarkedProcesses(runId) {
  const pids = findMarkedProcesses(runId);
  for (const pid of pids) sendSignal(pid, 'SIGKILL');
  return pids.length === 0;
}

/** Signals a process, or a group by its negative number; one that is gone is no failure. */
export function sendSignal(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH' && error.code !== 'EPERM') throw error;
  }
}

function readStartTime(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    // One that has ended and was not waited for yet runs no more.
    return fields[STATE] === 'Z' || fields[STATE] === 'X' ? undefined : fields[START_TIME];
  } catch {
    return undefined;
  }
}

function askStartTime(pid) {
  try {
    const options = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] };
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], options).trim() || undefined;
  } catch {
    return undefined;
  }
}
