import { describe, expect, it } from 'vitest';
import { appendEvents, parseEvents, readCounts, toRevision, writeCounts } from './history.ts';
import { type Actor, type NewJobEvent, SYSTEM, TRAINER } from './job-event.ts';

const OPS: Actor = { type: 'token', name: 'ops' };
const eventOf = (message: string, changes: Partial<NewJobEvent> = {}): NewJobEvent => ({
  type: 'job.state',
  timeMs: 5,
  attempt: undefined,
  level: 'info',
  message,
  data: {},
  actor: SYSTEM,
  ...changes,
});

/** A store in small: slots by name, and the counts. */
function keep(events: readonly NewJobEvent[]) {
  const kept = new Map<string, string>();
  let history: ReturnType<typeof appendEvents>['history'] | undefined;
  for (const event of events) {
    const appended = appendEvents(history, [event]);
    ({ history } = appended);
    for (const [name, text] of Object.entries(appended.slots)) kept.set(name, text);
  }
  const texts = [...kept.values()];
  const parsed = parseEvents(texts.map((text) => JSON.parse(text)));
  return { history, events: parsed, bytes: Buffer.byteLength(texts.join()) };
}

describe('a history', () => {
  it('numbers its events as one, in the order in which they came', () => {
    const one = [eventOf('a', { actor: OPS }), eventOf('b'), eventOf('c', { actor: TRAINER })];
    const { events, history } = keep(one);
    expect(events.map(({ id, message }) => [id, message])).toEqual([
      [1, 'a'],
      [2, 'b'],
      [3, 'c'],
    ]);
    expect(toRevision(history)).toBe(3);
    expect(events[0]).toEqual({ ...one[0], id: 1 });
  });

  it('forgets the oldest of its own kind alone, whoever says how much', () => {
    const noise = Array.from({ length: 200 }, (_, n) => eventOf(`warned ${n}`, { actor: TRAINER }));
    const tried = Array.from({ length: 50 }, (_, n) =>
      eventOf(`tried ${n}`, { type: 'job.delivery' }),
    );
    const waits = Array.from({ length: 50 }, (_, n) => eventOf(`waits ${n}`));
    const { events } = keep([
      eventOf('cancelled by ops', { actor: OPS }),
      ...noise,
      ...tried,
      ...waits,
    ]);
    expect(events[0]?.message).toBe('cancelled by ops');
    expect(events.filter(({ actor }) => actor.type === 'trainer').at(-1)?.message).toBe(
      'warned 199',
    );
    expect(events.filter(({ type }) => type === 'job.delivery')).toHaveLength(6);
    expect(events.at(-1)).toMatchObject({ id: 301, message: 'waits 49' });
  });

  it('keeps who submitted and who cancelled, however often a job is run again or replayed', () => {
    const asked = (message: string, changes: Partial<NewJobEvent>) =>
      eventOf(message, { actor: OPS, ...changes });
    const submitted = asked('submitted', { data: { status: 'submitted' } });
    const cancelled = asked('cancelled', { data: { status: 'cancelled' } });
    const later = Array.from({ length: 40 }, (_, n) =>
      asked(`later ${n}`, { type: n % 2 ? 'job.rerun' : 'job.delivery' }),
    );
    const { events } = keep([submitted, cancelled, ...later]);
    expect(events.map(({ id, message }) => [id, message])).toEqual([
      [1, 'submitted'],
      [2, 'cancelled'],
      ...[34, 35, 36, 37, 38, 39].map((n) => [n + 3, `later ${n}`]),
    ]);
  });

  it('takes 32 KiB at most, whatever it is told', () => {
    const uri = `s3://${'x'.repeat(5000)}`;
    const actors: Actor[] = [OPS, SYSTEM, TRAINER];
    const { events, bytes } = keep(
      Array.from({ length: 300 }, (_, n) =>
        eventOf('\u0001"日'.repeat(500), {
          data: { status: n === 0 ? 'submitted' : 'cancelled', uri },
          actor: actors[n % 3] ?? SYSTEM,
          // A caller changes the state twice.
          type: n % 2 || (n > 6 && n % 3 === 0) ? 'job.delivery' : 'job.state',
        }),
      ),
    );
    expect(bytes).toBeLessThan(34 * 1024);
    expect(events).toHaveLength(42);
    expect(events.every(({ message }) => message.length > 20)).toBe(true);
  });

  it('leaves out what it cannot read, as from a later version', () => {
    const { slots } = appendEvents(undefined, [eventOf('known')]);
    const [known] = Object.values(slots).map((text) => JSON.parse(text));
    expect(parseEvents([{ ...known, type: 'job.new' }, undefined, known, { id: 0 }])).toHaveLength(
      1,
    );
  });

  it('is counted by a short text, which may be damaged', () => {
    const { history } = appendEvents({ asked: 1, job: 20, trainer: 300, delivery: 4 }, []);
    expect(writeCounts(history)).toBe('1,20,300,4');
    expect(readCounts('1,20,300,4')).toEqual(history);
    for (const text of [undefined, '', '1,2', '1,2,3,x', '-1,2,3,4', '1,2,3,4,5']) {
      expect(readCounts(text)).toBeUndefined();
    }
  });
});
