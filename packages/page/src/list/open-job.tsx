import { useId, useState } from 'preact/hooks';
import type { TrainerService } from '../api/trainer-service.ts';
import { toJobHash } from '../route.ts';

/** Goes to a job by its id. */
export function OpenJob({ services }: { readonly services: readonly TrainerService[] }) {
  const [jobId, setJobId] = useState('');
  const [name, setName] = useState(services[0]?.name ?? '');
  const ids = { job: useId(), service: useId() };
  const open = (event: Event) => {
    event.preventDefault();
    if (jobId.trim() !== '') location.hash = toJobHash(name, jobId.trim());
  };
  return (
    <form class="open-job" onSubmit={open}>
      {services.length > 1 && (
        <>
          <label for={ids.service}>Service</label>
          <select
            id={ids.service}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          >
            {services.map((service) => (
              <option key={service.name}>{service.name}</option>
            ))}
          </select>
        </>
      )}
      <label for={ids.job}>Job</label>
      <input
        id={ids.job}
        value={jobId}
        onInput={(event) => setJobId(event.currentTarget.value)}
        placeholder="its job_id"
        autocomplete="off"
        spellcheck={false}
      />
      <button type="submit" class="primary">
        Open
      </button>
    </form>
  );
}
