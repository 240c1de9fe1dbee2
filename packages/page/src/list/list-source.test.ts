import { expect, it } from 'vitest';
import { TokenStore } from '../api/token-store.ts';
import { TrainerService } from '../api/trainer-service.ts';
import { NoneAnswered, readList } from './list-source.ts';

const FILTERS = { service: 'all', statuses: [], fields: [], cursor: undefined };
const NO_TOKENS = new TokenStore({ getItem: () => null, setItem: () => {}, removeItem: () => {} });

type Answer = () => Response;
const list: Answer = () =>
  Response.json({ data: [], has_more: false, next_cursor: null, counts: { running: 1 } });
const away: Answer = () => {
  throw new TypeError('fetch failed');
};
const refuse =
  (status: number, code: string): Answer =>
  () =>
    Response.json({ code, detail: `${code}.` }, { status });
const locked = refuse(401, 'UNAUTHENTICATED');
const refused = refuse(400, 'INVALID_REQUEST');

function read(answers: Record<string, Answer>) {
  const services = Object.entries(answers).map(([name, answer]) => {
    return new TrainerService(name, `https://${name}.example/`, NO_TOKENS, async () => answer());
  });
  return readList(services, FILTERS, new AbortController().signal);
}

async function failToRead(answers: Record<string, Answer>): Promise<NoneAnswered> {
  const error = await read(answers).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(NoneAnswered);
  return error as NoneAnswered;
}

const toNames = ({ failures }: Pick<NoneAnswered, 'failures'>) =>
  failures.map(({ service, error }) => `${service.name} ${error.code}`);

it('tells what keeps each service from answering, beside what others say', async () => {
  const reading = await read({ hf: away, meta: list, nemo: locked });
  expect([toNames(reading), reading.counts]).toEqual([
    ['hf UNREACHABLE', 'nemo UNAUTHENTICATED'],
    { running: 1 },
  ]);
});

it('tells it of each also where none of them answers', async () => {
  const error = await failToRead({ hf: away, meta: locked, nemo: refused });
  expect(toNames(error)).toEqual([
    'hf UNREACHABLE',
    'meta UNAUTHENTICATED',
    'nemo INVALID_REQUEST',
  ]);
});

it('is refused, or waits for a token, only where no other may pass', async () => {
  expect((await failToRead({ hf: refused, nemo: away })).isRefused).toBe(false);
  expect((await failToRead({ hf: refused, nemo: refused })).isRefused).toBe(true);
  expect((await failToRead({ hf: locked, nemo: away })).needsToken).toBe(false);
  expect((await failToRead({ hf: locked, nemo: locked })).needsToken).toBe(true);
});
