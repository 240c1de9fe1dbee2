import { useEffect, useRef } from 'preact/hooks';
import type { TrainerService } from './api/trainer-service.ts';
import { JobView } from './job/job-view.tsx';
import { ListView } from './list/list-view.tsx';
import { Icon } from './parts/icon.tsx';
import { type Route, toListHash } from './route.ts';
import { useRoute } from './use-route.ts';

interface AppProps {
  readonly title: string;
  readonly services: readonly TrainerService[];
}

/** The page: the list of jobs, or one job. */
export function App({ title, services }: AppProps) {
  const route = useRoute();
  const main = useFocusOn(route);
  return (
    <>
      <header class="top">
        <a class="brand" href="#/">
          <img src="page/icon.svg" alt="" width="20" height="20" />
          Trainer
        </a>
        <span class="muted">{title}</span>
        <a class="docs" href="docs">
          API
        </a>
      </header>
      <main ref={main} tabIndex={-1}>
        {route.view === 'job' ? (
          <>
            <nav aria-label="Back">
              <a class="back" href={toListHash(new URLSearchParams({ service: route.service }))}>
                <Icon name="back" />
                Jobs
              </a>
            </nav>
            <OneJob services={services} route={route} />
          </>
        ) : (
          <ListView services={services} query={route.filters} />
        )}
      </main>
    </>
  );
}

function OneJob({
  services,
  route,
}: Pick<AppProps, 'services'> & { readonly route: Extract<Route, { view: 'job' }> }) {
  const service = services.find(({ name }) => name === route.service);
  if (service === undefined) {
    return (
      <p class="notice" role="status">
        This page knows no service {route.service}.
      </p>
    );
  }
  const { jobId, madeBefore } = route;
  const key = `${route.service} ${jobId}`;
  return <JobView key={key} service={service} jobId={jobId} madeBefore={madeBefore} />;
}

/** What the keyboard and a screen reader go on from after another job was opened. */
function useFocusOn(route: Route) {
  const main = useRef<HTMLElement>(null);
  const place = route.view === 'job' ? `${route.service} ${route.jobId}` : 'list';
  const before = useRef(place);
  useEffect(() => {
    if (before.current !== place) main.current?.focus();
    before.current = place;
  }, [place]);
  return main;
}
