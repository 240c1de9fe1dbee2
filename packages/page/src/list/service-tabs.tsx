import { toListHash } from '../route.ts';

interface ServiceTabsProps {
  readonly names: readonly string[];
  readonly current: string;
}

/** The services that this page knows. */
export function ServiceTabs({ names, current }: ServiceTabsProps) {
  return (
    <nav class="tabs" aria-label="Services">
      {names.map((name) => (
        <a
          key={name}
          href={toListHash(new URLSearchParams({ service: name }))}
          aria-current={name === current ? 'page' : undefined}
        >
          {name}
        </a>
      ))}
    </nav>
  );
}
