/**
 * A few tables of `test/histories/schema.ts` in memory: row locks, read committed, savepoints, references with their actions, unique columns, and the
 * counter that a trigger keeps. A statement that would wait for another transaction fails, as it does in a history on PostgreSQL. Imports no product code.
 */
import { type Cells, type Effect, keyText } from '../../histories/record.ts';
import { type ColumnModel, type TableModel, tableOf } from '../../histories/schema.ts';
import type { Assignments, Op } from '../../histories/statements.ts';

/** Rows of the start, by table: values in the order of the columns. */
const START: Readonly<Record<string, (n: number) => readonly (string | null)[]>> = {
  item: (n) => [`${n}`, '0', '0', 'new'],
  line: (n) => [n < 3 ? '1' : '2', `${n}`, 'sku', '0'],
  parent: (n) => [`${n}`, 'title', '1'],
  child: (n) => [`${n}`, `${n}`, '0'],
  boss: (n) => [`${n}`, '0'],
  worker: (n) => [`${n}`, `${n}`, '0'],
  named: (n) => [`${n}`, `u${n}`, '0'],
  rate: (n) => [`${n}`, '0', 'rate'],
  tag: (n) => [`tag${n}`, '0', '0'],
  event: (n) => [`${n}`, n % 2 === 0 ? 'eu' : 'us', '0', '0'],
};
const MODELLED: readonly TableModel[] = Object.keys(START).map(tableOf);

interface Reference {
  readonly table: TableModel;
  readonly column: string;
  readonly onDelete: 'cascade' | 'set null';
}
const REFERENCES: Readonly<Record<string, Reference>> = {
  parent: { table: tableOf('child'), column: 'parent_id', onDelete: 'cascade' },
  boss: { table: tableOf('worker'), column: 'boss_id', onDelete: 'set null' },
};

export type RowId = string;
export const rowIn = (table: TableModel, cells: Cells): RowId =>
  `${table.name}|${table.key.map((column) => keyText(table, column, cells.get(column) ?? null)).join(',')}`;
export const tableOfRow = (row: RowId): TableModel => tableOf(row.slice(0, row.indexOf('|')));

/** PostgreSQL's FOR KEY SHARE, FOR NO KEY UPDATE and FOR UPDATE. */
type Lock = 'share' | 'write' | 'key';
const isExclusive = (a: Lock, b: Lock): boolean => (a === 'share' || b === 'share' ? a === 'key' || b === 'key' : true);

export interface Transaction {
  /** Rows as it sees them; undefined: gone. */
  own: Map<RowId, Cells | undefined>;
  locks: Map<RowId, Lock>;
}

class Refused extends Error {}

export class Database {
  readonly rows = new Map<RowId, Cells>();
  readonly #open = new Set<Transaction>();

  constructor() {
    for (const table of MODELLED) {
      for (let n = 1; n <= 4; n += 1) {
        const values = START[table.name]?.(n) ?? [];
        const cells = new Map(table.columns.map(({ name }, at) => [name, values[at] ?? null]));
        this.rows.set(rowIn(table, cells), cells);
      }
    }
  }

  begin(): Transaction {
    const transaction = { own: new Map(), locks: new Map() };
    this.#open.add(transaction);
    return transaction;
  }

  commit(transaction: Transaction): void {
    for (const [row, cells] of transaction.own) {
      if (cells === undefined) this.rows.delete(row);
      else this.rows.set(row, cells);
    }
    this.#open.delete(transaction);
  }

  rollback(transaction: Transaction): void {
    this.#open.delete(transaction);
  }

  /** @returns undefined: refused, and nothing changed */
  run(transaction: Transaction, op: Op): readonly Effect[] | undefined {
    const [own, locks] = [new Map(transaction.own), new Map(transaction.locks)];
    try {
      return new Statement(this.rows, this.#open, transaction).run(op);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      Object.assign(transaction, { own, locks });
      return undefined;
    }
  }
}

type Found = [table: TableModel, row: RowId, cells: Cells];

interface Changed {
  readonly before: Cells | undefined;
  after: Cells | undefined;
  moved?: true;
  /** Only a trigger of another table wrote it. */
  counted: boolean;
}

class Statement {
  readonly #committed: ReadonlyMap<RowId, Cells>;
  readonly #open: ReadonlySet<Transaction>;
  readonly #transaction: Transaction;
  readonly #changed = new Map<RowId, Changed>();

  constructor(committed: ReadonlyMap<RowId, Cells>, open: ReadonlySet<Transaction>, transaction: Transaction) {
    this.#committed = committed;
    this.#open = open;
    this.#transaction = transaction;
  }

  run({ table: name, kind, key, set }: Op): readonly Effect[] {
    const table = tableOf(name);
    if (kind === 'insert') this.#insert(table, { ...key, ...set });
    else if (kind === 'upsert') this.#upsert(table, key, set);
    else for (const [row, cells] of this.#matching(table, kind === 'blind' ? {} : key)) this.#set(table, row, cells, kind, set);
    return [...this.#changed].map(([row, { before, after, moved, counted }]) => {
      const table = tableOfRow(row);
      const all = new Set(table.columns.map((column) => column.name));
      const differ = before && after ? [...all].filter((column) => before.get(column) !== after.get(column)) : [];
      const equal = counted && before && after ? new Set(counterOf(table)) : all;
      return { row, table: table.name, before, after, written: differ.length > 0 ? new Set(differ) : equal, ...(moved && { moved }) };
    });
  }

  #insert(table: TableModel, values: Assignments): void {
    const cells = new Map(table.columns.map(({ name }) => [name, values[name] ?? (name === 'children' ? '0' : null)]));
    this.#add(table, cells);
  }

  #upsert(table: TableModel, key: Assignments, set: Assignments): void {
    const row = rowIn(table, new Map(Object.entries(key)));
    this.#lock(row, 'write');
    const cells = this.#see(row);
    if (cells === undefined) this.#insert(table, { ...key, ...set });
    else this.#update(table, row, cells, set);
  }

  #set(table: TableModel, row: RowId, cells: Cells, kind: Op['kind'], set: Assignments): void {
    if (kind === 'delete') this.#remove(table, row, cells);
    else this.#update(table, row, cells, set);
  }

  #update(table: TableModel, row: RowId, cells: Cells, set: Assignments): void {
    const now = new Map([...cells, ...Object.entries(set)]);
    const to = rowIn(table, now);
    if (to === row) this.#replace([table, row, cells], now, Object.keys(set));
    else this.#move([table, row, cells], to, now);
  }

  #move([table, row, cells]: Found, to: RowId, now: Cells): void {
    if (this.#see(to) !== undefined) throw new Refused();
    this.#lock(row, 'key');
    this.#write(row, cells, undefined);
    (this.#changed.get(row) as Changed).moved = true;
    this.#lock(to, 'key');
    this.#checkColumns(table, to, now);
    this.#write(to, undefined, now);
    this.#follow(table, cells, (one, column) =>
      this.#replace(one, new Map([...one[2], [column, now.get(keyOf(table)) ?? null]]), [column]),
    );
  }

  #add(table: TableModel, cells: Cells): void {
    const row = rowIn(table, cells);
    this.#lock(row, 'key');
    if (this.#see(row) !== undefined) throw new Refused();
    this.#checkColumns(table, row, cells);
    this.#write(row, undefined, cells);
    this.#count(table, undefined, cells);
  }

  /** @param assigned columns of the statement: the trigger of `child` fires where its column is one, equal values included */
  #replace([table, row, before]: Found, after: Cells, assigned: readonly string[]): void {
    this.#lock(row, 'write');
    this.#checkColumns(table, row, after, before);
    this.#write(row, before, after);
    if (assigned.includes('parent_id')) this.#count(table, before, after);
  }

  #remove(table: TableModel, row: RowId, cells: Cells): void {
    this.#lock(row, 'key');
    this.#write(row, cells, undefined);
    const { onDelete } = REFERENCES[table.name] ?? {};
    this.#follow(table, cells, (one, column) => {
      if (onDelete === 'cascade') this.#remove(...one);
      else this.#replace(one, new Map([...one[2], [column, null]]), [column]);
    });
    this.#count(table, cells, undefined);
  }

  /** Rows that refer to this one. */
  #follow(table: TableModel, cells: Cells, each: (one: Found, column: string) => void): void {
    const reference = REFERENCES[table.name];
    if (reference === undefined) return;
    const { table: other, column } = reference;
    for (const [row, own] of this.#matching(other, { [column]: cells.get(keyOf(table)) ?? null })) each([other, row, own], column);
  }

  #checkColumns(table: TableModel, row: RowId, cells: Cells, before?: Cells): void {
    for (const { name, references, unique } of table.columns) {
      const value = cells.get(name) ?? null;
      if (value === null || value === before?.get(name)) continue;
      if (references) this.#checkReference(references.table, value);
      if (unique) this.#checkUnique(table, row, name, value);
    }
  }

  #checkReference(table: string, value: string): void {
    const row = `${table}|${value}`;
    this.#lock(row, 'share');
    if (this.#see(row) === undefined) throw new Refused();
  }

  #checkUnique(table: TableModel, row: RowId, column: ColumnModel['name'], value: string): void {
    const others = [...this.#open].filter((other) => other !== this.#transaction).map(({ own }) => own);
    for (const rows of [this.#visible(table), ...others])
      for (const [other, cells] of rows)
        if (other !== row && other.startsWith(`${table.name}|`) && cells?.get(column) === value) throw new Refused();
  }

  /** The trigger of `child`. */
  #count(table: TableModel, before: Cells | undefined, after: Cells | undefined): void {
    if (table.name !== 'child') return;
    for (const [cells, by] of [
      [before, -1],
      [after, 1],
    ] as const) {
      const row = `parent|${cells?.get('parent_id') ?? ''}`;
      const parent = cells && this.#see(row);
      if (parent === undefined) continue;
      this.#lock(row, 'write');
      const count = parent.get('children') ?? null;
      this.#write(row, parent, new Map([...parent, ['children', count === null ? null : String(Number(count) + by)]]), true);
    }
  }

  #write(row: RowId, before: Cells | undefined, after: Cells | undefined, counted = false): void {
    this.#transaction.own.set(row, after);
    const known = this.#changed.get(row);
    if (known === undefined) this.#changed.set(row, { before, after, counted });
    else Object.assign(known, { after, counted: known.counted && counted });
  }

  #see(row: RowId): Cells | undefined {
    const { own } = this.#transaction;
    return own.has(row) ? own.get(row) : this.#committed.get(row);
  }

  #visible({ name }: TableModel): Map<RowId, Cells> {
    const seen = new Map<RowId, Cells>();
    for (const [row, cells] of this.#committed) if (row.startsWith(`${name}|`)) seen.set(row, cells);
    for (const [row, cells] of this.#transaction.own) {
      if (!row.startsWith(`${name}|`)) continue;
      if (cells === undefined) seen.delete(row);
      else seen.set(row, cells);
    }
    return seen;
  }

  #matching(table: TableModel, key: Assignments): readonly (readonly [RowId, Cells])[] {
    const isSame = (column: string, a: string | null, b: string | null) =>
      table.key.includes(column) ? keyText(table, column, a) === keyText(table, column, b) : a === b;
    return [...this.#visible(table)].filter(([, cells]) =>
      Object.entries(key).every(([column, value]) => isSame(column, cells.get(column) ?? null, value)),
    );
  }

  #lock(row: RowId, lock: Lock): void {
    for (const other of this.#open) {
      const theirs = other === this.#transaction ? undefined : other.locks.get(row);
      if (theirs !== undefined && isExclusive(theirs, lock)) throw new Refused();
    }
    const { locks } = this.#transaction;
    const known = locks.get(row);
    if (known === undefined || known === 'share' || lock === 'key') locks.set(row, lock);
  }
}

const keyOf = ({ key }: TableModel): string => key[0] ?? '';
const counterOf = ({ columns }: TableModel): string[] => columns.filter(({ unwritten }) => unwritten).map(({ name }) => name);
