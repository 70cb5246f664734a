import { type Random, randomOf } from './random.ts';
import { type ColumnModel, TABLES, type TableModel, tableOf } from './schema.ts';

/** What a history is about. The rest of it is drawn, too: each has savepoints, blind and equal writes, upserts and open transactions at times. */
export const KINDS = {
  'plain rows': ['item'],
  'composite key': ['line'],
  'numeric key': ['rate'],
  'citext key': ['tag'],
  'cascade into a captured table, counter': ['parent', 'child'],
  'set null on delete': ['boss', 'worker'],
  'cascade into a table without a key': ['account', 'keyless'],
  'cascade into an uncaptured table': ['doc', 'shadow'],
  'trigger writes an uncaptured table': ['audited'],
  'trigger writes a captured table': ['logged'],
  'trigger writes history': ['kept'],
  updated_at: ['stamped'],
  'trigger writes its own row': ['doubled'],
  partitions: ['event'],
  'unique column': ['named'],
  'ALTER in between': ['changing'],
  'key changes': ['item', 'rate', 'event', 'line'],
  'equal and blind writes': ['item', 'tag'],
  upserts: ['item', 'tag', 'line'],
  savepoints: ['item', 'parent', 'child'],
  'long and interleaved transactions': ['item', 'line', 'parent', 'child'],
  'unnamed logins': ['item', 'named'],
  'agent by role': ['item', 'rate'],
  'shared login': ['item', 'line'],
  'agent that dies': ['item', 'child'],
  'back-dated name': ['item', 'tag'],
  'prepared and idle transactions': ['item', 'named'],
} as const satisfies Record<string, readonly string[]>;
export type Kind = keyof typeof KINDS;
export const ALL_KINDS = Object.keys(KINDS) as Kind[];

/** Written by statements or by triggers. */
const ALWAYS = ['item', 'audit_out', 'log_in', 'kept_log'];
export const tablesOf = (kind: Kind): readonly TableModel[] =>
  TABLES.filter(({ name }) => ALWAYS.includes(name) || (KINDS[kind] as readonly string[]).includes(name));

export type Assignments = Readonly<Record<string, string | null>>;
/** One statement; values as text. `key` addresses the row, `set` is written. */
export interface Op {
  readonly table: string;
  readonly kind: 'insert' | 'update' | 'blind' | 'delete' | 'upsert';
  readonly key: Assignments;
  readonly set: Assignments;
}
export type Alter =
  | { readonly kind: 'add'; readonly column: string; readonly value: string }
  | { readonly kind: 'drop'; readonly column: string }
  | { readonly kind: 'retype'; readonly column: string }
  | { readonly kind: 'rename'; readonly column: string; readonly to: string }
  | { readonly kind: 'move'; readonly to: string };

/** Who runs a transaction: an agent for an attempt of its own, an agent's login without a name, or a person. */
export type Actor =
  | { readonly is: 'agent'; readonly agent: number; readonly attempt: number }
  | { readonly is: 'role' }
  | { readonly is: 'person' };
export interface Transaction {
  readonly actor: Actor;
  /** After which statement the name is set (0: before the first). */
  readonly namedAfter: number;
  readonly end: 'commit' | 'rollback' | 'die' | 'prepare' | 'open';
  readonly settles: boolean;
}
export type Step =
  | { readonly do: 'begin' | 'end' | 'savepoint' | 'rollback to' | 'release'; readonly transaction: number }
  | { readonly do: 'op'; readonly transaction: number; readonly op: Op }
  | { readonly do: 'alter'; readonly alter: Alter };
export interface Script {
  readonly seed: number;
  readonly kind: Kind;
  readonly transactions: readonly Transaction[];
  readonly steps: readonly Step[];
  /** Attempts (agent, n) to be undone. */
  readonly selected: readonly { readonly agent: number; readonly attempt: number }[];
  readonly selection: 'agent' | 'attempts' | 'window';
}

/** Agents 1 and 2 share a login. */
export const AGENTS = 3;
export const loginOf = (agent: number): number => Math.min(agent, 1);

const OPEN_MAX = 3;

export function drawScript(seed: number): Script {
  const random = randomOf(seed);
  const kind = ALL_KINDS[seed % ALL_KINDS.length] as Kind;
  const transactions = drawTransactions(random, kind);
  const steps = drawSteps(random, kind, transactions);
  const named = transactions.flatMap(({ actor, end }) => (actor.is === 'agent' && end !== 'open' && end !== 'prepare' ? [actor] : []));
  return { seed, kind, transactions, steps, ...drawSelection(random, named) };
}

function drawTransactions(random: Random, kind: Kind): Transaction[] {
  const attempts = new Map<number, number>();
  return Array.from({ length: 3 + random.below(6) }, (): Transaction => {
    const actor = drawActor(random, kind, attempts);
    const end = drawEnd(random, kind);
    return {
      actor,
      namedAfter: random.chance(kind === 'back-dated name' ? 70 : 5) ? 1 + random.below(2) : 0,
      end,
      settles: !random.chance(kind === 'agent that dies' ? 50 : 5),
    };
  });
}

function drawEnd(random: Random, kind: Kind): Transaction['end'] {
  if (kind === 'prepared and idle transactions' && random.chance(30)) return random.of(['prepare', 'open']);
  if (kind === 'agent that dies' && random.chance(25)) return 'die';
  return random.chance(6) ? random.of(['rollback', 'die']) : 'commit';
}

function drawActor(random: Random, kind: Kind, attempts: Map<number, number>): Actor {
  if (random.chance(kind === 'unnamed logins' ? 40 : 15)) return { is: 'person' };
  if (random.chance(kind === 'agent by role' ? 50 : 6)) return { is: 'role' };
  const agent = kind === 'shared login' ? 1 + random.below(2) : random.below(AGENTS);
  const last = attempts.get(agent) ?? 0;
  const attempt = last > 0 && random.chance(kind === 'long and interleaved transactions' ? 30 : 10) ? last : last + 1;
  attempts.set(agent, attempt);
  return { is: 'agent', agent, attempt };
}

/** A second transaction of an attempt begins after the first; everything else interleaves. */
function drawSteps(random: Random, kind: Kind, transactions: readonly Transaction[]): Step[] {
  const steps: Step[] = [];
  const open: { transaction: number; left: number; savepoints: number }[] = [];
  const openMax = kind === 'long and interleaved transactions' ? OPEN_MAX : random.chance(30) ? 2 : 1;
  let next = 0;
  while (next < transactions.length || open.length > 0) {
    if (kind === 'ALTER in between' && open.length === 0 && next > 0 && random.chance(35))
      steps.push({ do: 'alter', alter: drawAlter(random, steps) });
    if (next < transactions.length && (open.length === 0 || (open.length < openMax && random.chance(50)))) {
      const left = 1 + random.below(kind === 'long and interleaved transactions' ? 5 : 3);
      open.push({ transaction: next, left, savepoints: 0 });
      steps.push({ do: 'begin', transaction: next++ });
      continue;
    }
    const one = random.of(open);
    const { transaction } = one;
    if (one.left === 0) {
      steps.push({ do: 'end', transaction });
      open.splice(open.indexOf(one), 1);
    } else if (one.savepoints < 2 && random.chance(kind === 'savepoints' ? 40 : 5)) {
      one.savepoints += 1;
      steps.push({ do: 'savepoint', transaction });
    } else if (one.savepoints > 0 && random.chance(30)) {
      one.savepoints -= 1;
      steps.push({ do: random.of(['rollback to', 'release'] as const), transaction });
    } else {
      one.left -= 1;
      steps.push({ do: 'op', transaction, op: drawOp(random, kind) });
    }
  }
  return steps;
}

function drawAlter(random: Random, steps: readonly Step[]): Alter {
  const done = steps.filter((step) => step.do === 'alter').map(({ alter }) => alter);
  const left: Alter[] = (
    [
      { kind: 'add', column: 'd', value: '7' },
      { kind: 'drop', column: 'c' },
      { kind: 'retype', column: 'a' },
      { kind: 'rename', column: 'b', to: 'label' },
      { kind: 'move', to: 'changed' },
    ] as const
  ).filter((alter) => !done.some((other) => other.kind === alter.kind));
  return left.length === 0 ? { kind: 'add', column: `e${done.length}`, value: '1' } : random.of(left);
}

function drawOp(random: Random, kind: Kind): Op {
  const names: readonly string[] = random.chance(8) ? ['item'] : KINDS[kind];
  const model = tableOf(random.of(names));
  const writable = model.columns.filter(({ name, unwritten }) => !model.key.includes(name) && !unwritten);
  const key = drawKey(random, model);
  const drawn = writable.filter(() => random.chance(60));
  const columns = drawn.length > 0 ? drawn : [random.of(writable)];
  // Column `d` is left out where it was not added yet.
  const set = { ...assign(random, model, columns), ...(model.name === 'changing' && random.chance(40) && { d: String(random.below(9)) }) };
  if (model.key.length === 0) return keylessOp(random, model, set);
  if (random.chance(kind === 'key changes' ? 50 : 8)) return { table: model.name, kind: 'update', key, set: drawKey(random, model) };
  if (random.chance(kind === 'upserts' ? 60 : 8)) return { table: model.name, kind: 'upsert', key, set };
  if (random.chance(kind === 'equal and blind writes' ? 40 : 8))
    return { table: model.name, kind: 'blind', key: {}, set: assign(random, model, columns.slice(0, 1)) };
  const what = random.below(10);
  if (what < 6) return { table: model.name, kind: 'update', key, set };
  if (what < 8) return { table: model.name, kind: 'delete', key, set: {} };
  return { table: model.name, kind: 'insert', key, set: assign(random, model, writable) };
}

function keylessOp(random: Random, model: TableModel, set: Assignments): Op {
  const reference = { account_id: String(1 + random.below(4)) };
  if (random.chance(60)) return { table: model.name, kind: 'insert', key: reference, set: { v: String(random.below(3)) } };
  return random.chance(50)
    ? { table: model.name, kind: 'update', key: reference, set: { v: set.v ?? '0' } }
    : { table: model.name, kind: 'delete', key: reference, set: {} };
}

const assign = (random: Random, model: TableModel, columns: readonly ColumnModel[]): Assignments =>
  Object.fromEntries(columns.map((column) => [column.name, drawValue(random, model, column)]));

function drawKey(random: Random, model: TableModel): Assignments {
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

function drawSelection(
  random: Random,
  named: readonly { readonly agent: number; readonly attempt: number }[],
): Pick<Script, 'selected' | 'selection'> {
  const attempts = [...new Map(named.map((one) => [`${one.agent}/${one.attempt}`, { agent: one.agent, attempt: one.attempt }])).values()];
  const selection = random.of(['agent', 'attempts', 'attempts', 'window'] as const);
  if (attempts.length === 0) return { selection, selected: [] };
  if (selection === 'agent') {
    const { agent } = random.of(attempts);
    return { selection, selected: attempts.filter((one) => one.agent === agent) };
  }
  if (selection === 'window') {
    const from = random.below(attempts.length);
    return { selection, selected: attempts.slice(from, from + 1 + random.below(attempts.length - from)) };
  }
  const some = attempts.filter(() => random.chance(50));
  return { selection, selected: some.length === 0 ? [random.of(attempts)] : some };
}
