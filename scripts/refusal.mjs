/** A reason to stop that the user sees as one sentence, without a stack trace. */
export class Refusal extends Error {
  constructor(message, { exitCode = 1 } = {}) {
    super(message);
    this.exitCode = exitCode;
  }
}
