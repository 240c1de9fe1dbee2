/** What tells one process from all others, before and after a restart of the machine. */
export interface ProcessFacts {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat; on macOS the time of `ps`. */
  readonly start: string;
  /** Changes with every start of the machine. */
  readonly boot: string;
}

export declare const MARK: 'TRAINER_RUN_ID';
export declare function identifyProcess(pid: number): ProcessFacts | undefined;
export declare function isSameProcess(facts: ProcessFacts): boolean;
export declare function readBootId(): string;
export declare function findMarkedProcesses(runId: string): number[];
export declare function killMarkedProcesses(runId: string): boolean;
export declare function sendSignal(pid: number, signal: NodeJS.Signals): void;
