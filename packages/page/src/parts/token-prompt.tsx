import { useRef, useState } from 'preact/hooks';
import type { ServiceError } from '../api/service-error.ts';
import { isToken } from '../api/token-store.ts';
import type { TrainerService } from '../api/trainer-service.ts';

interface TokenPromptProps {
  readonly service: TrainerService;
  readonly error: ServiceError;
  readonly onToken: () => void;
}

/** Asks for the token of one service. It stays in this tab, and goes to that service's origin alone. */
export function TokenPrompt({ service, error, onToken }: TokenPromptProps) {
  const field = useRef<HTMLInputElement>(null);
  const [isRefused, setRefused] = useState(false);
  const id = `token-${service.name}`;
  const submit = (event: Event) => {
    event.preventDefault();
    const token = field.current?.value.trim() ?? '';
    if (token === '') return;
    setRefused(!isToken(token));
    if (!isToken(token)) return;
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
        {isRefused
          ? 'The token holds a character that no HTTP header can carry.'
          : describe(service, error)}
      </p>
    </form>
  );
}

function describe({ origin }: TrainerService, { status, message }: ServiceError): string {
  return status === 401 ? `It goes to ${origin} only and is forgotten with this tab.` : message;
}
