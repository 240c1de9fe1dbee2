import { CopyButton } from './copy-button.tsx';

interface JsonDetailsProps {
  readonly title: string;
  readonly value: unknown;
}

/** JSON that is there for whoever opens it. */
export function JsonDetails({ title, value }: JsonDetailsProps) {
  const text = JSON.stringify(value, undefined, 2);
  return (
    <details class="json">
      <summary>{title}</summary>
      <CopyButton text={text} what={title} />
      <section class="scroll" aria-label={title}>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, which the keyboard must reach. */}
        <pre tabIndex={0}>{text}</pre>
      </section>
    </details>
  );
}
