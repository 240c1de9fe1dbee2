import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { toListHash } from '../route.ts';
import {
  FILTER_NAMES,
  type FilterField,
  findBadField,
  parseFilterText,
  writeFilterText,
} from './filter-text.ts';
import { type ListFilters, toListQuery } from './list-filters.ts';

interface FilterLineProps {
  readonly filters: ListFilters;
}

/** What else the list is narrowed down to, as one line that stands in the address. */
export function FilterLine({ filters }: FilterLineProps) {
  const field = useRef<HTMLInputElement>(null);
  const [refused, setRefused] = useState<string>();
  const [id, hint, alert] = [useId(), useId(), useId()];
  const text = writeFilterText(filters.fields);
  useEffect(() => {
    if (field.current !== null) field.current.value = text;
    setRefused(undefined);
  }, [text]);
  const toHash = (fields: readonly FilterField[]) =>
    toListHash(toListQuery({ ...filters, cursor: undefined, fields }));
  const submit = (event: Event) => {
    event.preventDefault();
    const parsed = parseFilterText(field.current?.value ?? '');
    const violation = 'violation' in parsed ? parsed.violation : findBadField(parsed.fields);
    setRefused(violation);
    if (violation === undefined && 'fields' in parsed) location.hash = toHash(parsed.fields);
  };
  const violation = refused ?? findBadField(filters.fields);
  return (
    <search>
      <form class="filter-line" onSubmit={submit}>
        <label for={id}>Filter</label>
        <input
          id={id}
          ref={field}
          placeholder="model=… reason=… label[team]=…"
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          aria-invalid={violation !== undefined}
          aria-describedby={`${alert} ${hint}`}
        />
        <button type="submit">Apply</button>
        {text !== '' && <a href={toHash([])}>Clear</a>}
        <p id={alert} class="bad" role="alert">
          {violation}
        </p>
        <p id={hint} class="visually-hidden">
          As name=value, of {FILTER_NAMES}.
        </p>
      </form>
    </search>
  );
}
