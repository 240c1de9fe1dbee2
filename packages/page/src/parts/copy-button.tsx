import { useState } from 'preact/hooks';
import { Icon } from './icon.tsx';

const TOLD_FOR_MS = 2000;

/** Puts a text on the clipboard, which browsers allow on https and on this machine only. */
export function CopyButton({ text, what }: { readonly text: string; readonly what: string }) {
  const [outcome, setOutcome] = useState<'done' | 'refused'>();
  if (navigator.clipboard === undefined) return null;
  const copy = async () => {
    // Also where there is one, it may be forbidden.
    const written = navigator.clipboard.writeText(text);
    setOutcome(
      await written.then(
        () => 'done',
        () => 'refused',
      ),
    );
    setTimeout(() => setOutcome(undefined), TOLD_FOR_MS);
  };
  const { icon, words } = SHOWN[outcome ?? 'asked'];
  return (
    <button type="button" class="quiet" onClick={() => void copy()} title={`Copy ${what}`}>
      <Icon name={icon} />
      <span class="visually-hidden">{`${words} ${what}`}</span>
    </button>
  );
}

const SHOWN = {
  asked: { icon: 'copy', words: 'Copy' },
  done: { icon: 'done', words: 'Copied' },
  refused: { icon: 'warning', words: 'This browser does not let the page copy' },
} as const;
