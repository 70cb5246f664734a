import { type PostgresClient, type PrepareReport, postgresConnector, postgresSystem } from '@recant/connector-postgres';
import pg from 'pg';
import { drained } from '../../libs/connectors/postgres/test/drained.ts';
import { foreignKeysOf, missesParent } from './foreign-keys.ts';
import { type ColumnType, columnsOf, literalOf } from './load.ts';
import { type Cells, cellsBetween, Oracle, type Snapshot, snapshotOf } from './oracle.ts';

export interface Place {
  readonly table: string;
  readonly key: readonly string[];
  readonly columns: readonly ColumnType[];
  readonly derived: readonly string[];
}

const ROWS = 12;
/** Tables that the statements change: few, so that writers meet. */
const BUSY_TABLES = 12;

/** Rows of invented data, without foreign keys and triggers. @returns tables that took some */
export async function fill(client: pg.Client, report: PrepareReport): Promise<Place[]> {
  const places: Place[] = [];
  await client.query(`SET session_replication_role = 'replica'`);
  for (const { table: name, key, derived } of report.tables.filter((candidate) => candidate.key.length > 0)) {
    const table = name.split('.').map(pg.escapeIdentifier).join('.');
    const columns = (await columnsOf(client, table)).filter(({ generated }) => !generated);
    for (let n = 1; n <= ROWS; n += 1) await client.query(insertOf(table, columns, n)).catch(() => undefined);
    const { rows } = await client.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`);
    if ((rows[0]?.n ?? 0) > 0) places.push({ table, key, columns, derived: derived.map(({ column }) => column) });
  }
  await client.query(`SET session_replication_role = 'origin'`);
  return places;
}

function insertOf(table: string, columns: readonly ColumnType[], n: number): string {
  const values = columns.flatMap((column) => {
    const literal = literalOf(column, n);
    return literal === undefined ? [] : [[pg.escapeIdentifier(column.name), pg.escapeLiteral(literal)] as const];
  });
  return `INSERT INTO ${table} (${values.map(([name]) => name).join(', ')}) VALUES (${values.map(([, value]) => value).join(', ')})`;
}

/** One random statement: mostly an update of one row, else an insert or a delete. */
function statementOf({ table, key, columns }: Place, random: () => number): string {
  const n = 1 + Math.floor(random() * ROWS);
  const any = `ctid = (SELECT min(ctid) FROM (SELECT ctid FROM ${table} ORDER BY ctid OFFSET ${Math.floor(random() * ROWS)}) r)`;
  const kind = random();
  if (kind < 0.15) return insertOf(table, columns, 1_000 + Math.floor(random() * 8_000));
  if (kind < 0.3) return `DELETE FROM ${table} WHERE ${any}`;
  const open = columns.filter((column) => !key.includes(column.name) && literalOf(column, n) !== undefined);
  const column = open[Math.floor(random() * open.length)];
  if (column === undefined) return `DELETE FROM ${table} WHERE ${any}`;
  // An update that changes no value counts as a write of the whole row, which no snapshot shows.
  const value = `CAST(${pg.escapeLiteral(literalOf(column, 100 + Math.floor(random() * 100)) ?? '')} AS ${column.type})`;
  const name = pg.escapeIdentifier(column.name);
  return `UPDATE ${table} SET ${name} = ${value} WHERE ${any} AND ${name}::text IS DISTINCT FROM ${value}::text`;
}

interface Attempt {
  readonly ref: { readonly source: string; readonly action: string; readonly attempt: number };
  readonly cells: Cells;
  readonly number: number;
}

export interface Outcome {
  readonly attempts: number;
  readonly refusedByTarget: number;
  readonly ends: Readonly<Record<string, number>>;
  readonly mismatches: readonly string[];
}

/** Two agents and two people write in turn; then all attempts of both agents are undone, the last one first. */
export async function playAndUndo(
  { superUrl, agentUrls }: { readonly superUrl: string; readonly agentUrls: readonly string[] },
  places: readonly Place[],
  { attempts, random }: { readonly attempts: number; readonly random: () => number },
): Promise<Outcome> {
  const people = new pg.Client({ connectionString: superUrl });
  await people.connect();
  const pools = agentUrls.map((connectionString) => new pg.Pool({ connectionString, max: 2 }));
  const oracle = new Oracle();
  const played: Attempt[] = [];
  let refused = 0;
  const busy = Array.from({ length: BUSY_TABLES }, () => places[Math.floor(random() * places.length)]);
  let before = await snapshotOf(people, places);
  for (let n = 1; n <= attempts; ) {
    const place = busy[Math.floor(random() * BUSY_TABLES)];
    if (place === undefined) throw new Error('no table has rows');
    const writer = n % 4;
    try {
      const agent = pools[writer];
      const attempt = agent === undefined ? undefined : await playAs(agent, n, (tx) => tx.query(statementOf(place, random)));
      if (agent === undefined) await people.query(statementOf(place, random));
      const after = await snapshotOf(people, places);
      const cells = cellsBetween(before, after);
      before = after;
      oracle.wrote(n, cells);
      if (attempt !== undefined) played.push({ ref: attempt, cells, number: n });
      n += 1;
    } catch (error) {
      if (!(error instanceof pg.DatabaseError)) throw error;
      refused += 1;
    }
  }
  const result = await undoAll(superUrl, people, places, oracle, played.toReversed());
  await Promise.all([people.end(), ...pools.map((pool) => pool.end())]);
  return { attempts, refusedByTarget: refused, ...result };
}

async function playAs(pool: pg.Pool, n: number, work: (tx: PostgresClient) => Promise<unknown>) {
  const ref = { source: `recant://agent${n % 4}/1`, action: actionOf(n), attempt: 1 };
  const capture = await postgresSystem({ name: 'schemas', pool }).capture(ref, []);
  let reported = 0;
  try {
    await capture.handle.transaction(work);
  } finally {
    for await (const _ of capture.settle()) reported += 1;
    await capture.release();
  }
  if (reported > 0) throw new Error(`expected no effect from the agent's side, got ${reported}`);
  return ref;
}

let actions = 0;
const actionOf = (n: number): string => `018f0000-0000-7000-8000-${String(n * 100_000 + ++actions).padStart(12, '0')}`;

async function undoAll(
  url: string,
  client: pg.Client,
  places: readonly Place[],
  oracle: Oracle,
  attempts: readonly Attempt[],
): Promise<Pick<Outcome, 'ends' | 'mismatches'>> {
  const target = await postgresConnector.open({ name: 'schemas', connector: 'postgres', options: { url } });
  const ends: Record<string, number> = {};
  const mismatches: string[] = [];
  let before: Snapshot = await snapshotOf(client, places);
  const keys = await foreignKeysOf(client, places);
  for (const { ref, cells, number } of attempts) {
    const effects = await drained(client, 'schemas', ref);
    const inverse = { source: 'recant://recant/1', action: actionOf(number), attempt: 1 };
    const [result] = await target.invert({
      run: actionOf(number),
      token: '1',
      steps: [{ step: 1, attempt: inverse, undoes: ref, effects, knownOrdinals: {} }],
    });
    const codes = [...new Set(result?.findings.map(({ code }) => code))].sort();
    const isRestored = result?.outcome === 'restored' || result?.outcome === 'already_undone';
    const end = isRestored ? 'restored' : codes.join('+');
    ends[end] = (ends[end] ?? 0) + 1;
    const blockers = oracle.blockers(number, cells);
    const blocked = blockers !== '' || (end === 'constraint' && missesParent(keys, before, cells));
    const expected = isRestored ? oracle.undone(number, before, cells) : before;
    before = await snapshotOf(client, places);
    const wrong = cellsBetween(expected, before);
    if (wrong.size > 0) mismatches.push(`attempt ${number} (${end}): ${wrong.size} cells differ, first ${[...wrong.keys()][0]}`);
    // A later write that happens to bring the old value back leaves nothing to undo: the cells say so.
    const nothingLeft = result?.outcome === 'already_undone';
    if (blocked === isRestored && !nothingLeft)
      mismatches.push(
        `attempt ${number}: ${end}, the oracle says ${blocked ? `conflict (${blockers})` : 'restored'}; ${result?.findings[0]?.detail}`,
      );
  }
  await target.close();
  return { ends, mismatches };
}
