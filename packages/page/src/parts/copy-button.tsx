import { useState } from 'preact/hooks';
import { Icon } from './icon.tsx';

const TOLD_FOR_MS = 2000;

/** Puts a text on the clipboard, which browsers allow on https and on this machine only. */
export function CopyButton({ text, what }: { readonly text: string; readonly what: string }) {
  const [isCopied, setCopied] = useState(false);
  if (navigator.clipboard === undefined) return null;
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), TOLD_FOR_MS);
  };
  return (
    <button type="button" class="quiet" onClick={() => void copy()} title={`Copy ${what}`}>
      <Icon name={isCopied ? 'done' : 'copy'} />
      <span class="visually-hidden">{isCopied ? `Copied ${what}` : `Copy ${what}`}</span>
    </button>
  );
}
