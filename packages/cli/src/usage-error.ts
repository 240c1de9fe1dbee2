/** What the user must do otherwise; one sentence. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
