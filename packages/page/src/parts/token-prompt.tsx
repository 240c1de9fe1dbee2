import { useRef } from 'preact/hooks';
import type { ServiceError } from '../api/service-error.ts';
import type { TrainerService } from '../api/trainer-service.ts';

interface TokenPromptProps {
  readonly service: TrainerService;
  readonly error: ServiceError;
  readonly onToken: () => void;
}

/** Asks for the token of one service. It stays in this tab, and goes to that service's origin alone. */
export function TokenPrompt({ service, error, onToken }: TokenPromptProps) {
  const field = useRef<HTMLInputElement>(null);
  const id = `token-${service.name}`;
  const submit = (event: Event) => {
    event.preventDefault();
    const token = field.current?.value.trim() ?? '';
    if (token === '') return;
    service.useToken(token);
    onToken();
  };
  return (
    <form class="notice token-prompt" onSubmit={submit}>
      <label for={id}>
        <strong>{service.name}</strong> asks for a token
      </label>
      <input id={id} ref={field} type="password" autocomplete="off" spellcheck={false} required />
      <button type="submit" class="primary">
        Use token
      </button>
      <p class="muted" role="alert">
        {error.status === 401
          ? `It goes to ${service.origin} only and is forgotten with this tab.`
          : error.message}
      </p>
    </form>
  );
}
