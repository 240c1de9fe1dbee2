/** One thing that is wrong with a request: where in it, and a sentence. */
export interface Violation {
  /** Empty where it is about no part of it alone. */
  readonly path: string;
  readonly message: string;
}

interface Problem {
  readonly code: string;
  readonly detail: string;
  readonly errors?: unknown;
}

/** Why a service did not do what it was asked; its message is a sentence for people. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  /** Of the answer; undefined when there was none. */
  readonly status: number | undefined;
  readonly code: string;
  /** All that its message says, one by one. */
  readonly violations: readonly Violation[];

  constructor(
    message: string,
    code: string,
    status?: number,
    violations: readonly Violation[] = [{ path: '', message }],
  ) {
    super(message);
    this.code = code;
    this.status = status;
    this.violations = violations;
  }

  /** Whether another token, or one at all, would help. */
  get needsToken(): boolean {
    return this.status === 401 || this.code === 'FORBIDDEN';
  }

  /** Whether the same question would be refused again and again. */
  get isRefused(): boolean {
    return this.status === 400;
  }

  /** Whether what was asked for is not there. */
  get isMissing(): boolean {
    return this.status === 404;
  }
}

/** The error that an answer other than a success stands for. */
export async function toServiceError(response: Response): Promise<ServiceError> {
  const body: unknown = await response.json().catch(() => undefined);
  if (isProblem(body)) {
    return new ServiceError(body.detail, body.code, response.status, toViolations(body));
  }
  const message = `The answer, of status ${response.status}, is not one of a Trainer API.`;
  return new ServiceError(message, 'UNEXPECTED_ANSWER', response.status);
}

function isProblem(body: unknown): body is Problem {
  const { code, detail } = (body ?? {}) as Partial<Record<keyof Problem, unknown>>;
  return typeof code === 'string' && typeof detail === 'string';
}

/** Those that the answer names, and what its sentence says beyond them. */
function toViolations({ detail, errors }: Problem): Violation[] {
  const named = Array.isArray(errors) ? errors.filter(isViolation) : [];
  const told = named.map(({ message }) => message).join(' ');
  const rest = detail.startsWith(told) ? detail.slice(told.length).trim() : detail;
  return rest === '' ? named : [...named, { path: '', message: rest }];
}

function isViolation(value: unknown): value is Violation {
  const { path, message } = (value ?? {}) as Partial<Record<keyof Violation, unknown>>;
  return typeof path === 'string' && typeof message === 'string';
}
