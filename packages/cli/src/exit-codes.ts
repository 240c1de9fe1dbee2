/** What a command ended with. */
export const EXIT = {
  ok: 0,
  /** The job ended otherwise. */
  jobNotSucceeded: 1,
  usage: 2,
  refused: 3,
  unavailable: 4,
  timeout: 5,
  /** What was to be told is lost; what was to be done may be done. */
  unwritten: 6,
  interrupted: 130,
} as const;
