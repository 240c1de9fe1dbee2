import { randomUUID } from 'node:crypto';
import type { Database, Row } from '../../stores/sqlite/database.ts';
import type { LocalPlan } from './local-plan.ts';
import type { RunRow, RunState } from './run-row.ts';

const SELECT = 'SELECT run_id, name, backend, record_uid, wanted, state, slots FROM runs';

/** Who waits and who holds what, over all services of this machine. */
export class RunTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Changes whenever another process has written. */
  dataVersion(): number {
    return Number(this.#database.get('PRAGMA data_version')?.data_version);
  }

  listOf(backend: string): RunRow[] {
    return this.#database.all(`${SELECT} WHERE backend = ?`, backend).map(toRunRow);
  }

  find(name: string): RunRow | undefined {
    const row = this.#database.get(`${SELECT} WHERE name = ?`, name);
    return row && toRunRow(row);
  }

  /** Apart from the rows, since thousands may wait and few of their plans are ever looked at at once. */
  readPlan({ runId }: RunRow): LocalPlan {
    const row = this.#database.get('SELECT plan FROM runs WHERE run_id = ?', runId);
    return JSON.parse(String(row?.plan ?? '{"variables":[],"wanted":1}')) as LocalPlan;
  }

  listIds(): Set<string> {
    return new Set(
      this.#database.all('SELECT run_id FROM runs').map(({ run_id }) => String(run_id)),
    );
  }

  /** All that wait or hold slots, in the order in which they came. */
  listUnended(): RunRow[] {
    return this.#database.all(`${SELECT} WHERE state <> 'ended' ORDER BY seq`).map(toRunRow);
  }

  /** Puts a run at the end of the line, unless the name has one already; what then stands there. */
  enqueue(
    { name, backend, recordUid }: Pick<RunRow, 'name' | 'backend' | 'recordUid'>,
    plan: LocalPlan,
  ): Promise<RunRow> {
    return this.#database.write(() => {
      const existing = this.find(name);
      if (existing !== undefined) return existing;
      this.#database.run(
        "INSERT INTO runs (run_id, name, backend, record_uid, plan, wanted, state) VALUES (?, ?, ?, ?, ?, ?, 'queued')",
        ...[randomUUID(), name, backend, recordUid, JSON.stringify(plan), plan.wanted],
      );
      return this.find(name) as RunRow;
    });
  }

  /** Gives the runs that `choose` picks their slots, in one step that no other process comes into. */
  claim(
    choose: (rows: readonly RunRow[]) => readonly { row: RunRow; slots: readonly string[] }[],
  ): Promise<RunRow[]> {
    return this.#database.write(() =>
      choose(this.listUnended()).map(({ row, slots }) => {
        this.#database.run(
          "UPDATE runs SET state = 'claimed', slots = ? WHERE run_id = ?",
          ...[JSON.stringify(slots), row.runId],
        );
        return { ...row, state: 'claimed', slots };
      }),
    );
  }

  /** Moves a run on; one that waits again or has ended gives its slots back. */
  async move(row: RunRow, state: RunState): Promise<RunRow> {
    const slots = state === 'queued' || state === 'ended' ? [] : row.slots;
    await this.#database.write(() =>
      this.#database.run(
        'UPDATE runs SET state = ?, slots = ? WHERE run_id = ?',
        ...[state, JSON.stringify(slots), row.runId],
      ),
    );
    return { ...row, state, slots };
  }

  async remove({ runId }: RunRow): Promise<void> {
    await this.#database.write(() =>
      this.#database.run('DELETE FROM runs WHERE run_id = ?', runId),
    );
  }
}

function toRunRow(row: Row): RunRow {
  return {
    runId: String(row.run_id),
    name: String(row.name),
    backend: String(row.backend),
    recordUid: String(row.record_uid),
    wanted: Number(row.wanted),
    state: String(row.state) as RunState,
    slots: row.slots === null ? [] : JSON.parse(String(row.slots)),
  };
}
