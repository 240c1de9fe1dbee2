import { useRef, useState } from 'preact/hooks';
import { ServiceError, type Violation } from '../api/service-error.ts';

/** A dialog that asks a service for something: it closes when that is done, and else tells why it is not. */
export function useAskingDialog() {
  const dialog = useRef<HTMLDialogElement>(null);
  const [isBusy, setBusy] = useState(false);
  const [violations, setViolations] = useState<readonly Violation[]>([]);
  const close = () => dialog.current?.close();
  const ask = async (work: () => Promise<() => unknown>) => {
    setBusy(true);
    setViolations([]);
    try {
      const whenClosed = await work();
      close();
      await whenClosed();
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      setViolations(error.violations);
    } finally {
      setBusy(false);
    }
  };
  return {
    ...{ dialog, isBusy, violations, ask, close },
    /** Tells what is wrong with what was typed, before anybody is asked. */
    refuse: (violation: Violation) => setViolations([violation]),
    open: () => dialog.current?.showModal(),
  };
}
