import { useRef, useState } from 'preact/hooks';
import { ServiceError } from '../api/service-error.ts';

/** A dialog that asks a service for something: it closes when that is done, and else tells why it is not. */
export function useAskingDialog() {
  const dialog = useRef<HTMLDialogElement>(null);
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState('');
  const close = () => dialog.current?.close();
  const ask = async (work: () => Promise<() => unknown>) => {
    setBusy(true);
    setFailure('');
    try {
      const whenClosed = await work();
      close();
      await whenClosed();
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      setFailure(error.message);
    } finally {
      setBusy(false);
    }
  };
  return { dialog, isBusy, failure, ask, open: () => dialog.current?.showModal(), close };
}
