import { type Random, randomOf } from './random.ts';
import { type ColumnModel, TABLES, type TableModel, tableOf } from './schema.ts';

/** Tables that a history is about. */
export const TABLE_KINDS = {
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
} as const satisfies Record<string, readonly string[]>;
/** What happens in it beside plain writes, and tables that suit it. */
export const ACT_KINDS = {
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
  'agent that withholds': ['item', 'line'],
  'agent that forges': ['item', 'tag'],
  'key revoked midway': ['item', 'named'],
  'agent that is not believed': ['item', 'rate'],
  'mutual dependents': ['item', 'boss'],
  'agent of the SDK': ['item', 'line'],
  'transaction pooler': ['item', 'line'],
  'capture at its limit': ['item', 'named'],
} as const satisfies Record<string, readonly string[]>;
export type Kind = keyof typeof TABLE_KINDS | keyof typeof ACT_KINDS;
const KINDS: Readonly<Record<Kind, readonly string[]>> = { ...TABLE_KINDS, ...ACT_KINDS };
export const ALL_KINDS = Object.keys(KINDS) as Kind[];

/** Written by statements or by triggers. */
const ALWAYS = ['item', 'audit_out', 'log_in', 'kept_log'];
/** With the tables that refer to them, and those that they refer to: a statement may reach these, too. */
export function tablesOf(kinds: ReadonlySet<Kind>): readonly TableModel[] {
  const names = new Set([...ALWAYS, ...[...kinds].flatMap((kind) => KINDS[kind])]);
  const referredBy = ({ columns }: TableModel) => columns.flatMap(({ references }) => references?.table ?? []);
  const isNear = (table: TableModel) => names.has(table.name) || referredBy(table).some((name) => names.has(name));
  return TABLES.filter((table) => isNear(table) || TABLES.some((other) => isNear(other) && referredBy(other).includes(table.name)));
}

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
  /** Names an attempt of an agent of another login first. */
  readonly usurps: boolean;
}
/**
 * What an agent says about one attempt: the truth, by itself or through the SDK, nothing at all, effects that it invented, two outcomes, a count that does not fit, or no outcome: before the
 * deadline or after it, because it died or because its key was revoked.
 */
export type Says = 'truth' | 'sdk' | 'failed' | 'nothing' | 'invented' | 'both' | 'miscounted' | 'no end yet' | 'no end' | 'revoked';
export type Step =
  | { readonly do: 'limit'; readonly reached: boolean }
  | { readonly do: 'begin' | 'end' | 'savepoint' | 'rollback to' | 'release'; readonly transaction: number }
  | { readonly do: 'op'; readonly transaction: number; readonly op: Op }
  | { readonly do: 'alter'; readonly alter: Alter };
export interface Script {
  readonly seed: number;
  readonly kinds: ReadonlySet<Kind>;
  readonly transactions: readonly Transaction[];
  readonly steps: readonly Step[];
  readonly says: ReadonlyMap<string, Says>;
  readonly selection: Selection;
  /** A person plans without open transactions, in mode `refuse`. */
  readonly withoutOpen: boolean;
  /** A person accepts what was not captured, before the plan. */
  readonly accepts: boolean;
}
/** Attempts by \`agent/n\` or, of a login, \`login/transaction\`. */
export type Selection =
  | { readonly by: 'attempts'; readonly attempts: readonly string[] }
  | { readonly by: 'agents'; readonly agents: readonly number[] }
  | { readonly by: 'logins'; readonly logins: readonly string[] }
  | { readonly by: 'everything' };

/** Agents 1 and 2 share a login. */
export const AGENTS = 3;
export const loginOf = (agent: number): number => Math.min(agent, 1);

const OPEN_MAX = 3;

/**
 * A share of the histories is drawn so that nothing is in the way of the undo (`clean`), or so that somebody's word is missing and nothing else (`doubtful`):
 * otherwise most would end in a conflict.
 */
type Aim = 'clean' | 'doubtful' | 'any';
/** What a history is about: one kind by tables, and two to four others. */
interface Draw {
  readonly random: Random;
  readonly kinds: ReadonlySet<Kind>;
  readonly aim: Aim;
}

export function drawScript(seed: number): Script {
  const random = randomOf(seed);
  const tables = Object.keys(TABLE_KINDS) as Kind[];
  const acts = Object.keys(ACT_KINDS) as Kind[];
  const kinds = new Set<Kind>([tables[seed % tables.length] as Kind, acts[seed % acts.length] as Kind]);
  for (let n = random.below(3); n >= 0; n -= 1) kinds.add(random.of(acts));
  const draw: Draw = { random, kinds, aim: random.of(['clean', 'doubtful', 'any', 'any']) };
  const transactions = drawTransactions(draw);
  return {
    seed,
    kinds,
    transactions,
    steps: withLimit(draw, drawSteps(draw, transactions)),
    says: drawSays(draw, transactions),
    selection: drawSelection(draw, transactions),
    withoutOpen: random.chance(50),
    accepts: draw.aim !== 'any' || random.chance(50),
  };
}

function drawTransactions(draw: Draw): Transaction[] {
  const { random, kinds } = draw;
  const attempts = new Map<number, number>();
  return Array.from({ length: 3 + random.below(5) }, (): Transaction => {
    const actor = drawActor(draw, attempts);
    return {
      actor,
      namedAfter: random.chance(kinds.has('back-dated name') ? 70 : 5) ? 1 + random.below(2) : 0,
      end: drawEnd(draw),
      usurps: random.chance(kinds.has('agent that is not believed') ? 50 : 2),
    };
  });
}

const LIES: Readonly<Partial<Record<Kind, readonly Says[]>>> = {
  'agent that dies': ['no end yet', 'no end'],
  'agent that withholds': ['nothing', 'miscounted'],
  'agent that forges': ['invented', 'both'],
  'key revoked midway': ['revoked'],
};
const RARELY: readonly Says[] = ['failed', 'nothing', 'invented', 'both', 'miscounted', 'no end yet', 'no end', 'revoked'];

function drawSays({ random, kinds, aim }: Draw, transactions: readonly Transaction[]): ReadonlyMap<string, Says> {
  const says = new Map<string, Says>();
  const lies = [...kinds].flatMap((kind) => LIES[kind] ?? []);
  // An attempt that has not ended is in the way of an undo; invented effects make no difference.
  const drawn = lies.filter((lie) => (aim === 'any' || lie !== 'no end yet') && (aim !== 'clean' || lie === 'invented'));
  for (const { actor } of transactions) {
    if (actor.is !== 'agent' || says.has(keyOf(actor))) continue;
    const rarely = aim === 'any' && random.chance(12) ? random.of(RARELY) : 'truth';
    const said = drawn.length > 0 && random.chance(60) ? random.of(drawn) : rarely;
    const bySdk = said === 'truth' && random.chance(kinds.has('agent of the SDK') ? 70 : 5) && canUseSdk(transactions, keyOf(actor));
    says.set(keyOf(actor), bySdk ? 'sdk' : said);
  }
  return says;
}

/** The SDK names a transaction first, and ends it. */
const canUseSdk = (transactions: readonly Transaction[], attempt: string): boolean =>
  transactions.every(
    ({ actor, end, namedAfter, usurps }) =>
      actor.is !== 'agent' || keyOf(actor) !== attempt || (!usurps && namedAfter === 0 && end !== 'open' && end !== 'prepare'),
  );

const keyOf = ({ agent, attempt }: { readonly agent: number; readonly attempt: number }): string => `${agent}/${attempt}`;

function drawEnd({ random, kinds }: Draw): Transaction['end'] {
  if (kinds.has('prepared and idle transactions') && random.chance(30)) return random.of(['prepare', 'open']);
  if (kinds.has('agent that dies') && random.chance(25)) return 'die';
  return random.chance(6) ? random.of(['rollback', 'die']) : 'commit';
}

function drawActor({ random, kinds, aim }: Draw, attempts: Map<number, number>): Actor {
  const people = kinds.has('unnamed logins') || kinds.has('capture at its limit') ? 40 : 15;
  if (random.chance(aim === 'any' ? people : people / 5)) return { is: 'person' };
  if (random.chance(kinds.has('agent by role') ? 50 : 6)) return { is: 'role' };
  const agent = kinds.has('shared login') ? 1 + random.below(2) : random.below(AGENTS);
  const last = attempts.get(agent) ?? 0;
  const again = kinds.has('mutual dependents') ? 45 : isLong(kinds) || kinds.has('key revoked midway') ? 30 : 10;
  const attempt = last > 0 && random.chance(again) ? last : last + 1;
  attempts.set(agent, attempt);
  return { is: 'agent', agent, attempt };
}

const isLong = (kinds: ReadonlySet<Kind>): boolean => kinds.has('long and interleaved transactions') || kinds.has('mutual dependents');

/** The limit is reached between two steps, and is over some steps later. */
function withLimit({ random, kinds }: Draw, steps: readonly Step[]): readonly Step[] {
  if (!kinds.has('capture at its limit')) return steps;
  const from = random.below(steps.length);
  const to = from + 1 + random.below(steps.length - from);
  return [
    ...steps.slice(0, from),
    { do: 'limit', reached: true },
    ...steps.slice(from, to),
    { do: 'limit', reached: false },
    ...steps.slice(to),
  ];
}

/** A second transaction of an attempt begins after the first; everything else interleaves. */
function drawSteps(draw: Draw, transactions: readonly Transaction[]): Step[] {
  const { random, kinds } = draw;
  const steps: Step[] = [];
  const open: { transaction: number; left: number; savepoints: number }[] = [];
  const openMax = isLong(kinds) ? OPEN_MAX : random.chance(30) ? 2 : 1;
  let next = 0;
  while (next < transactions.length || open.length > 0) {
    if (kinds.has('ALTER in between') && open.length === 0 && next > 0 && random.chance(35))
      steps.push({ do: 'alter', alter: drawAlter(random, steps) });
    if (next < transactions.length && (open.length === 0 || (open.length < openMax && random.chance(50)))) {
      const left = 1 + random.below(isLong(kinds) ? 5 : 3);
      open.push({ transaction: next, left, savepoints: 0 });
      steps.push({ do: 'begin', transaction: next++ });
      continue;
    }
    const one = random.of(open);
    const { transaction } = one;
    if (one.left === 0) {
      steps.push({ do: 'end', transaction });
      open.splice(open.indexOf(one), 1);
    } else if (one.savepoints < 2 && random.chance(kinds.has('savepoints') ? 40 : 5)) {
      one.savepoints += 1;
      steps.push({ do: 'savepoint', transaction });
    } else if (one.savepoints > 0 && random.chance(30)) {
      one.savepoints -= 1;
      steps.push({ do: random.of(['rollback to', 'release'] as const), transaction });
    } else {
      one.left -= 1;
      steps.push({ do: 'op', transaction, op: drawOp(draw) });
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

function drawOp({ random, kinds }: Draw): Op {
  const names: readonly string[] = random.chance(8) ? ['item'] : KINDS[random.of([...kinds])];
  const model = tableOf(random.of(names));
  const writable = model.columns.filter(({ name, unwritten }) => !model.key.includes(name) && !unwritten);
  const key = drawKey(random, model);
  const drawn = writable.filter(() => random.chance(60));
  const columns = drawn.length > 0 ? drawn : [random.of(writable)];
  // Column `d` is left out where it was not added yet.
  const set = { ...assign(random, model, columns), ...(model.name === 'changing' && random.chance(40) && { d: String(random.below(9)) }) };
  if (model.key.length === 0) return keylessOp(random, model, set);
  if (random.chance(kinds.has('key changes') ? 50 : 8)) return { table: model.name, kind: 'update', key, set: drawKey(random, model) };
  if (random.chance(kinds.has('upserts') ? 60 : 8)) return { table: model.name, kind: 'upsert', key, set };
  if (random.chance(kinds.has('equal and blind writes') ? 40 : 8))
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

/** Now and then also attempts without effects. */
function drawSelection({ random, aim }: Draw, transactions: readonly Transaction[]): Selection {
  const attempts = new Set<string>();
  const [agents, logins] = [new Set<number>(), new Set<string>()];
  for (const [index, { actor, end }] of transactions.entries()) {
    if (actor.is === 'agent') agents.add(actor.agent);
    if (actor.is === 'role') logins.add('role');
    if (actor.is === 'person' || end === 'rollback' || end === 'die') continue;
    attempts.add(actor.is === 'agent' ? keyOf(actor) : `login/${index}`);
  }
  if (aim !== 'any' && random.chance(70)) return { by: 'everything' };
  const by = random.of(['attempts', 'attempts', 'agents', 'everything', ...(logins.size > 0 ? ['logins', 'logins'] : [])] as const);
  if (by === 'agents' && agents.size > 0) return { by, agents: [...agents].filter((_, n) => n === 0 || random.chance(30)) };
  if (by === 'logins') return { by, logins: [...logins] };
  if (by === 'everything' || attempts.size === 0) return { by: 'everything' };
  const some = [...attempts].filter(() => random.chance(50));
  return { by: 'attempts', attempts: some.length > 0 ? some : [random.of([...attempts])] };
}
