/** The longest id that services take. */
const MAX_LENGTH = 128;

/** What a job that is run again is called: `a` is followed by `a-r2`, and that by `a-r3`. */
export function toNextId(jobId: string): string {
  const [, base = jobId, number = '1'] = /^(.+)-r(\d{1,6})$/.exec(jobId) ?? [];
  const ending = `-r${Number(number) + 1}`;
  return `${base.slice(0, MAX_LENGTH - ending.length)}${ending}`;
}
