import { errors } from '../../errors.ts';

/** SQLite's primary result codes; each sentence completes "The records …: ". */
const WHY: Readonly<Record<number, string>> = {
  5: 'another program has locked the file',
  6: 'another program has locked the file',
  8: 'the file may not be written',
  10: 'the disk gave an error',
  11: 'the file is damaged',
  13: 'the disk is full',
  14: 'the file cannot be opened',
  26: 'the file is no SQLite database',
};

/** What went wrong in SQLite, as half a sentence without paths and values. */
export function whyOf(error: unknown): string {
  const { errcode, code, message } = error as { errcode?: number; code?: string; message: string };
  if (errcode !== undefined) return WHY[errcode % 256] ?? 'SQLite gave an error';
  return code ?? message;
}

/** A TrainerError for what SQLite refused; anything else as it is. */
export function toDatabaseFailure(error: unknown): unknown {
  const isSqlite = (error as { code?: string }).code === 'ERR_SQLITE_ERROR';
  return isSqlite ? errors.recordsUnavailable(whyOf(error), error) : error;
}
