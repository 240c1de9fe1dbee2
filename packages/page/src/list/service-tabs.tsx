import { toListHash } from '../route.ts';
import { ALL_SERVICES } from './list-filters.ts';

interface ServiceTabsProps {
  readonly names: readonly string[];
  readonly current: string;
}

/** The services that this page knows. */
export function ServiceTabs({ names, current }: ServiceTabsProps) {
  return (
    <nav class="tabs" aria-label="Services">
      {[ALL_SERVICES, ...names].map((name) => (
        <a
          key={name}
          href={toListHash(new URLSearchParams({ service: name }))}
          aria-current={name === current ? 'page' : undefined}
        >
          {name === ALL_SERVICES ? 'All' : name}
        </a>
      ))}
    </nav>
  );
}
