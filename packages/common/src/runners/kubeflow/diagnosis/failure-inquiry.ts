import type { Logger } from 'pino';
import { toLogged } from '../../../jobs/operator-lines.ts';
import { type ApiClient, ApiError } from '../../../kubernetes/api-client.ts';
import { isOutage } from '../../../kubernetes/outage.ts';
import type { Diagnosis } from '../status/diagnoses.ts';
import type { SeenTrainJob } from '../status/train-job-object.ts';
import { diagnose } from './diagnosis.ts';
import { JOB_SET_LABEL, type PodObject } from './pod-finding.ts';

export interface FailureInquiryParts {
  readonly client: ApiClient;
  readonly logger: Logger;
  readonly namespace: string;
  /** For the log: a TrainJob in memory knows only the name. */
  readonly findJobId: (name: string) => string | undefined;
}

interface Answer {
  readonly uid: string;
  /** Undefined while it is being asked. */
  readonly failure: { readonly value: Diagnosis | undefined } | undefined;
  readonly asked: Promise<Diagnosis | undefined>;
}

const MAX_PODS = 500;

/** Asks the pods of a failed TrainJob once why it failed, and remembers their answer. */
export class FailureInquiry {
  readonly #parts: FailureInquiryParts;
  readonly #answers = new Map<string, Answer>();

  constructor(parts: FailureInquiryParts) {
    this.#parts = parts;
  }

  /** The answer as far as it is known; `open` while nobody asked or no answer has come. */
  peek({ metadata: { name, uid } }: SeenTrainJob): Diagnosis | undefined | 'open' {
    const known = this.#answers.get(name);
    return known?.uid !== uid || known.failure === undefined ? 'open' : known.failure.value;
  }

  /** Never fails: without an answer the failure stays unexplained. */
  async ask({ metadata: { name, uid } }: SeenTrainJob): Promise<Diagnosis | undefined> {
    const known = this.#answers.get(name);
    if (known?.uid === uid) return known.asked;
    const asked = this.#ask(name);
    this.#answers.set(name, { uid, asked, failure: undefined });
    const value = await asked;
    const isStill = this.#answers.get(name)?.uid === uid;
    if (isStill) this.#answers.set(name, { uid, asked, failure: { value } });
    return value;
  }

  forget(name: string): void {
    this.#answers.delete(name);
  }

  clear(): void {
    this.#answers.clear();
  }

  async #ask(name: string): Promise<Diagnosis | undefined> {
    const { client, logger, namespace, findJobId } = this.#parts;
    try {
      const { items } = await client.call<{ items: PodObject[] }>({
        method: 'GET',
        path: `/api/v1/namespaces/${namespace}/pods`,
        query: { labelSelector: `${JOB_SET_LABEL}=${name}`, limit: MAX_PODS },
      });
      return diagnose(items, []).failure;
    } catch (error) {
      const isTold = error instanceof ApiError && isOutage(error);
      logger[isTold ? 'debug' : 'warn'](
        { ...toLogged({ id: findJobId(name), name }), err: error },
        'reason of the failure could not be determined',
      );
      return undefined;
    }
  }
}
