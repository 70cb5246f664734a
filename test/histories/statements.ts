import { type Kind, tablesOfKind } from './kinds.ts';
import type { Random } from './random.ts';
import { type ColumnModel, TABLES, type TableModel, tableOf } from './schema.ts';

export type Assignments = Readonly<Record<string, string | null>>;
/** One statement; values as text. `key` addresses the row, `set` is written. */
export interface Op {
  readonly table: string;
  readonly kind: 'insert' | 'update' | 'blind' | 'delete' | 'upsert';
  readonly key: Assignments;
  readonly set: Assignments;
}
/** Of statements that address a row, those whose row is one of the start: few other keys of two columns are there. */
const KNOWN_PERCENT = 50;

interface About {
  /** Default: anything. */
  readonly kind?: Kind | undefined;
  /** No trigger and no reference writes another table, or another column, that an undo cannot put back. */
  readonly isQuiet?: boolean;
}

export function drawOp(
  { random, kinds }: { readonly random: Random; readonly kinds: ReadonlySet<Kind> },
  { kind, isQuiet }: About = {},
): Op {
  const names = kind === undefined && random.chance(8) ? ['item'] : tablesOfKind(kind ?? random.of([...kinds]));
  const model = tableOf(random.of(isQuiet ? names.filter(isPutBack) : names));
  const isPlain = isQuiet && hasSideEffects(model);
  const writable = model.columns.filter(
    ({ name, unwritten }) => !model.key.includes(name) && !unwritten && !(isPlain && isWatched(model, name)),
  );
  const isKnown = model.key.length > 0 && random.chance(KNOWN_PERCENT);
  const key = isKnown ? startKey(model, 1 + random.below(4)) : drawKey(random, model);
  const drawn = writable.filter(() => random.chance(60));
  const columns = drawn.length > 0 ? drawn : [random.of(writable)];
  // Column `d` is left out where it was not added yet.
  const set = { ...assign(random, model, columns), ...(model.name === 'changing' && random.chance(40) && { d: String(random.below(9)) }) };
  if (model.key.length === 0) return keylessOp(random, model, set);
  if (isPlain) return { table: model.name, kind: 'update', key, set };
  if (random.chance(kinds.has('key changes') ? 50 : 8)) return { table: model.name, kind: 'update', key, set: drawKey(random, model) };
  if (random.chance(kinds.has('upserts') ? 60 : 8)) return { table: model.name, kind: 'upsert', key, set };
  if (random.chance(kinds.has('equal and blind writes') ? 40 : 8))
    return { table: model.name, kind: 'blind', key: {}, set: assign(random, model, columns.slice(0, 1)) };
  const what = random.below(10);
  if (what < 6) return { table: model.name, kind: 'update', key, set };
  if (what < 8) return { table: model.name, kind: 'delete', key, set: {} };
  return { table: model.name, kind: 'insert', key: drawKey(random, model), set: assign(random, model, writable) };
}

const isPutBack = (name: string): boolean => tableOf(name).captured && tableOf(name).key.length > 0;
const isWatched = ({ fires, computes }: TableModel, column: string): boolean => column === fires?.column || column === computes?.column;
const hasSideEffects = ({ name, fires, computes }: TableModel): boolean =>
  fires !== undefined ||
  computes !== undefined ||
  TABLES.some((other) => !isPutBack(other.name) && other.columns.some(({ references }) => references?.table === name));

function keylessOp(random: Random, model: TableModel, set: Assignments): Op {
  const reference = { account_id: String(1 + random.below(4)) };
  if (random.chance(60)) return { table: model.name, kind: 'insert', key: reference, set: { v: String(random.below(3)) } };
  return random.chance(50)
    ? { table: model.name, kind: 'update', key: reference, set: { v: set.v ?? '0' } }
    : { table: model.name, kind: 'delete', key: reference, set: {} };
}

export const assign = (random: Random, model: TableModel, columns: readonly ColumnModel[]): Assignments =>
  Object.fromEntries(columns.map((column) => [column.name, drawValue(random, model, column)]));

/** Of one of the four rows of the start. */
export function startKey({ key, columns, starts }: TableModel, row: number): Assignments {
  const isText = columns.some(({ name, type }) => name === key[0] && type === 'citext');
  return Object.fromEntries(key.map((name, n) => [name, starts?.[row - 1]?.[n] ?? (isText ? `tag${row}` : String(row))]));
}

export function drawKey(random: Random, model: TableModel): Assignments {
  return Object.fromEntries(
    model.key.map((name) => {
      const column = model.columns.find((one) => one.name === name) as ColumnModel;
      return [name, drawValue(random, model, column)];
    }),
  );
}

/** Few values, so that equal writes and collisions happen. */
function drawValue(random: Random, model: TableModel, column: ColumnModel): string | null {
  const isKey = model.key.includes(column.name);
  const id = 1 + random.below(6);
  if (column.type === 'region') return random.of(['eu', 'us', 'asia']);
  if (column.type === 'numeric') return `${id}${random.of(['', '.0', '.00', ''])}`;
  if (column.type === 'citext') return `${random.of(['tag', 'TAG', 'Tag'])}${id}`;
  if (isKey || column.references) return String(column.references ? 1 + random.below(4) : id);
  if (column.unique) return `u${1 + random.below(8)}`;
  if (random.chance(8)) return null;
  return column.type === 'text' ? random.of(['new', 'old', 'a,b "c" \\ (d)', '']) : String(random.below(3));
}
