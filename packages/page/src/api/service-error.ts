interface Problem {
  readonly code: string;
  readonly detail: string;
}

/** Why a service did not do what it was asked; its message is a sentence for people. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  /** Of the answer; undefined when there was none. */
  readonly status: number | undefined;
  readonly code: string;

  constructor(message: string, code: string, status?: number) {
    super(message);
    this.code = code;
    this.status = status;
  }

  /** Whether another token, or one at all, would help. */
  get needsToken(): boolean {
    return this.status === 401 || this.code === 'FORBIDDEN';
  }

  /** Whether what was asked for is not there. */
  get isMissing(): boolean {
    return this.status === 404;
  }
}

/** The error that an answer other than a success stands for. */
export async function toServiceError(response: Response): Promise<ServiceError> {
  const body: unknown = await response.json().catch(() => undefined);
  if (isProblem(body)) return new ServiceError(body.detail, body.code, response.status);
  const message = `The answer, of status ${response.status}, is not one of a Trainer API.`;
  return new ServiceError(message, 'UNEXPECTED_ANSWER', response.status);
}

function isProblem(body: unknown): body is Problem {
  const { code, detail } = (body ?? {}) as Partial<Record<keyof Problem, unknown>>;
  return typeof code === 'string' && typeof detail === 'string';
}
