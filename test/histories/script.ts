import { type Actor, AGENTS, type Alter, type Says, type Script, type Selection, type Step, type Transaction } from './elements.ts';
import { ACT_KINDS, type Kind, TABLE_KINDS, tablesOfKind } from './kinds.ts';
import { after, drawPrelude, inTurn, isOfPrelude, LIES } from './prelude.ts';
import { type Random, randomOf } from './random.ts';
import { type ColumnModel, type TableModel, tableOf } from './schema.ts';
import { assign, drawOp, type Op, startKey } from './statements.ts';

const OPEN_MAX = 3;

/**
 * Most histories are drawn towards an end, so that each one is reached often enough: nothing is in the way of the undo (`clean`), somebody's word is missing and
 * nothing else (`doubtful`), what is selected had no effects (`nothing`), a person wrote last (`mixed`), an equal write of a person is all that is in the way
 * (`equal`), or a transaction is open, mostly with what is undone (`waiting`).
 */
export type Aim = 'clean' | 'doubtful' | 'nothing' | 'mixed' | 'any' | 'equal' | 'waiting';
const AIMS: readonly Aim[] = (
  [
    ['clean', 6],
    ['doubtful', 8],
    ['nothing', 6],
    ['mixed', 3],
    ['any', 2],
    ['equal', 1],
  ] as const
).flatMap(([aim, share]) => Array.from({ length: share }, () => aim));
/** Histories with prepared and idle transactions have two more ends than others: more of them, and this share of them drawn towards these ends. */
const OPEN_PERCENT = 12;
const WAITING_PERCENT = 45;
/** Of these, histories in which the open transaction is in nobody's way. */
const BESIDE_PERCENT = 30;
/** Statements without a side effect, in histories that are drawn towards an end without a conflict. */
const QUIET_PERCENT = 75;
/** Histories of a kind that begin with an attempt, or with two, of that kind (`prelude.ts`). */
const PRELUDE = { mutual: 75, words: 60 };
/** Histories with a table that is altered, beside those that its turn gives: half of them are not altered after all, or not after it was written. */
const ALTERED_PERCENT = 10;
const TABLE_KINDS_DRAWN = 3;
/** What a history is about: three kinds by tables, and two to four others. */
interface Draw {
  readonly random: Random;
  readonly kinds: ReadonlySet<Kind>;
  readonly aim: Aim;
}

/** Kinds that a history is drawn from: at least as many by tables as one has. */
export interface Drawable {
  readonly tables: readonly Kind[];
  readonly acts: readonly Kind[];
}
const ALL: Drawable = { tables: Object.keys(TABLE_KINDS) as Kind[], acts: Object.keys(ACT_KINDS) as Kind[] };

/** @param wanted the end towards which it is drawn; default: as the seed says */
export function drawScript(seed: number, wanted?: Aim, { tables, acts }: Drawable = ALL): Script {
  const random = randomOf(seed);
  const kinds = new Set<Kind>([tables[seed % tables.length] as Kind]);
  if (random.chance(ALTERED_PERCENT) && tables.includes('ALTER in between')) kinds.add('ALTER in between');
  while (kinds.size < TABLE_KINDS_DRAWN) kinds.add(random.of(tables));
  kinds.add(acts[seed % acts.length] as Kind);
  for (let n = random.below(3); n >= 0; n -= 1) kinds.add(random.of(acts));
  if (random.chance(OPEN_PERCENT) && acts.includes('prepared and idle transactions')) kinds.add('prepared and idle transactions');
  const isWaiting = kinds.has('prepared and idle transactions') && random.chance(WAITING_PERCENT);
  const aim = isWaiting ? 'waiting' : random.of(AIMS);
  const draw: Draw = { random, kinds, aim: wanted ?? aim };
  if (draw.aim === 'waiting') return { seed, kinds, ...drawWaiting(draw) };
  if (draw.aim === 'equal') return { seed, kinds, ...drawEqual(draw) };
  const prelude = drawPrelude(random, kinds, PRELUDE);
  const drawn = drawTransactions(draw);
  const transactions = [...prelude.transactions, ...drawn];
  const steps = [...prelude.steps, ...after(prelude.transactions.length, withLimit(draw, drawSteps(draw, drawn)))];
  const says = withoutOverlaps(steps, transactions, new Map([...prelude.says, ...drawSays(draw, drawn)]));
  return {
    seed,
    kinds,
    transactions,
    steps,
    says,
    selection: drawSelection(draw, transactions),
    withoutOpen: random.chance(50),
    accepts: draw.aim !== 'any' || random.chance(50),
  };
}

/** An action of the SDK that has two transactions at once waits in the second for the end of the first, which a history may not reach. */
function withoutOverlaps(
  steps: readonly Step[],
  transactions: readonly Transaction[],
  says: ReadonlyMap<string, Says>,
): ReadonlyMap<string, Says> {
  const overlapping = new Set<string>();
  const open = new Map<number, string>();
  for (const step of steps) {
    if (step.do !== 'begin' && step.do !== 'end') continue;
    const { actor } = transactions[step.transaction] as Transaction;
    if (step.do === 'end') open.delete(step.transaction);
    if (step.do === 'end' || actor.is !== 'agent') continue;
    if ([...open.values()].includes(keyOf(actor))) overlapping.add(keyOf(actor));
    open.set(step.transaction, keyOf(actor));
  }
  return new Map([...says].map(([attempt, said]) => [attempt, said === 'sdk' && overlapping.has(attempt) ? 'truth' : said]));
}

const PLAIN = { namedAfter: 0, usurps: false } as const;

/** Tables of its kinds that an undo can write, whatever their triggers do. */
const keyedTables = ({ kinds }: Draw): TableModel[] =>
  [...kinds]
    .flatMap(tablesOfKind)
    .map(tableOf)
    .filter(({ key, captured }) => captured && key.length > 0);

/** A committed attempt, perhaps another one, and somebody's open transaction that wrote the row of the first after it, or another row. */
function drawWaiting(draw: Draw): Omit<Script, 'seed' | 'kinds'> {
  const { random } = draw;
  const model = random.of(keyedTables(draw));
  const column = random.of(model.columns.filter(({ name, unwritten }) => !model.key.includes(name) && !unwritten));
  const isBeside = random.chance(BESIDE_PERCENT);
  const row = 1 + random.below(4);
  const write = (n: number): Op => ({ table: model.name, kind: 'update', key: startKey(model, n), set: assign(random, model, [column]) });
  const agent = random.below(AGENTS);
  const other = !isBeside && random.chance(60) ? [{ is: 'agent', agent: (agent + 1) % AGENTS, attempt: 1 } as const] : [];
  const agents = [{ is: 'agent', agent, attempt: 1 } as const, ...other];
  const last: Actor = isBeside ? { is: 'role' } : random.of([{ is: 'person' }, { is: 'role' }] as const);
  const transactions: Transaction[] = [
    ...agents.map((actor) => ({ actor, end: 'commit', ...PLAIN }) as const),
    { actor: last, end: random.of(['prepare', 'open'] as const), ...PLAIN },
  ];
  const opOf = (n: number): Op => {
    if (n === 0) return write(row);
    return n < transactions.length - 1 ? drawOp(draw) : write(isBeside ? 1 + (row % 4) : row);
  };
  const byAgents = { by: 'agents', agents: agents.map((one) => one.agent) } as const;
  const selections: readonly Selection[] = isBeside ? [{ by: 'everything' }] : [{ by: 'attempts', attempts: agents.map(keyOf) }, byAgents];
  return {
    transactions,
    steps: inTurn(transactions, opOf),
    says: new Map(agents.map((actor) => [keyOf(actor), 'truth'])),
    selection: random.of(selections),
    withoutOpen: true,
    accepts: true,
  };
}

/** An attempt, and a person who wrote what was there already: nothing in the table says so. */
function drawEqual(draw: Draw): Omit<Script, 'seed' | 'kinds'> {
  const { random } = draw;
  const quiet = [...keyedTables(draw), tableOf('item')].filter(({ fires, computes, history }) => !fires && !computes && !history);
  const model = random.of(quiet);
  const isFree = ({ name, unwritten, references }: ColumnModel) => !model.key.includes(name) && !unwritten && !references;
  const column = random.of(model.columns.filter(isFree));
  const value = column.type === 'text' ? 'u9' : String(3 + random.below(3));
  const agent = { is: 'agent', agent: random.below(AGENTS), attempt: 1 } as const;
  const actors: readonly Actor[] = [agent, { is: 'person' }];
  const transactions = actors.map((actor): Transaction => ({ actor, end: 'commit', ...PLAIN }));
  const op: Op = { table: model.name, kind: 'update', key: startKey(model, 1 + random.below(4)), set: { [column.name]: value } };
  return {
    transactions,
    steps: inTurn(transactions, () => op),
    says: new Map([[keyOf(agent), 'truth']]),
    selection: random.chance(50) ? { by: 'everything' } : { by: 'attempts', attempts: [keyOf(agent)] },
    withoutOpen: true,
    accepts: true,
  };
}

/** An attempt of its own. */
const WITHOUT_EFFECTS = { is: 'agent', agent: 0, attempt: 99 } as const;

function drawTransactions(draw: Draw): Transaction[] {
  const { random, kinds } = draw;
  const attempts = new Map<number, number>();
  const length = 3 + random.below(5);
  return Array.from({ length }, (_, n): Transaction => {
    if (draw.aim === 'mixed' && n === length - 1) return { actor: { is: 'person' }, namedAfter: 0, end: 'commit', usurps: false };
    if (draw.aim === 'nothing' && n === 0) return { actor: WITHOUT_EFFECTS, namedAfter: 0, end: 'rollback', usurps: false };
    const actor = drawActor(draw, attempts, draw.aim === 'doubtful' && n === 0);
    return {
      actor,
      namedAfter: random.chance(kinds.has('back-dated name') ? 70 : 5) ? 1 + random.below(2) : 0,
      end: drawEnd(draw),
      usurps: random.chance(kinds.has('agent that is not believed') ? 50 : 2),
    };
  });
}

const DOUBTFUL: readonly Says[] = ['nothing', 'miscounted', 'no end', 'revoked'];
const RARELY: readonly Says[] = ['failed', 'nothing', 'invented', 'both', 'miscounted', 'no end yet', 'no end', 'revoked'];

function drawSays({ random, kinds, aim }: Draw, transactions: readonly Transaction[]): ReadonlyMap<string, Says> {
  const says = new Map<string, Says>();
  const lies = [...kinds].flatMap((kind) => LIES[kind] ?? []);
  // An attempt that has not ended is in the way of its undo; invented effects make no difference, nor does what is said of an attempt that is not selected.
  const isHonest = aim === 'clean';
  const fitting = lies.filter((lie) => (aim === 'any' || aim === 'nothing' || lie !== 'no end yet') && (!isHonest || lie === 'invented'));
  const isEnough = aim !== 'doubtful' || fitting.some((lie) => DOUBTFUL.includes(lie));
  const drawn = isEnough ? fitting : [...fitting, ...DOUBTFUL];
  for (const { actor, end, usurps } of transactions) {
    if (actor.is !== 'agent' || says.has(keyOf(actor))) continue;
    const rarely = (aim === 'any' || aim === 'mixed') && random.chance(12) ? random.of(RARELY) : 'truth';
    // Nobody knows how an attempt ended whose agent does not say and which the target did not see: a conflict.
    const isLie = drawn.length > 0 && (aim === 'doubtful' ? end === 'commit' && !usurps && random.chance(90) : random.chance(60));
    const said = isLie && keyOf(actor) !== keyOf(WITHOUT_EFFECTS) ? random.of(drawn) : rarely;
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

/** @param isAgent it is an agent for an attempt */
function drawActor({ random, kinds, aim }: Draw, attempts: Map<number, number>, isAgent: boolean): Actor {
  const people = kinds.has('unnamed logins') || kinds.has('capture at its limit') ? 40 : 15;
  if (!isAgent && random.chance(aim === 'any' ? people : people / 5)) return { is: 'person' };
  if (!isAgent && random.chance(kinds.has('agent by role') ? 50 : 6)) return { is: 'role' };
  const agent = kinds.has('shared login') ? 1 + random.below(2) : random.below(AGENTS);
  const last = attempts.get(agent) ?? 0;
  const again = kinds.has('mutual dependents') ? 45 : isLong(kinds) || kinds.has('key revoked midway') ? 30 : 10;
  const attempt = last > 0 && random.chance(again) ? last : last + 1;
  attempts.set(agent, attempt);
  return { is: 'agent', agent, attempt };
}

const isLong = (kinds: ReadonlySet<Kind>): boolean => kinds.has('long and interleaved transactions') || kinds.has('mutual dependents');

/** The limit is reached between two steps, and is over some steps later. */
function withLimit({ random, kinds, aim }: Draw, steps: readonly Step[]): readonly Step[] {
  if (!kinds.has('capture at its limit')) return steps;
  // Agents' statements fail at the limit: what is doubtful comes before it.
  const first = aim === 'doubtful' ? Math.floor(steps.length / 2) : 0;
  const from = first + random.below(steps.length - first);
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
  /** Kinds by tables, which come first, that no statement of a committed transaction is about. */
  const due = [...kinds].slice(0, TABLE_KINDS_DRAWN);
  let next = 0;
  while (next < transactions.length || open.length > 0) {
    if (kinds.has('ALTER in between') && open.length === 0 && next > 0 && random.chance(60))
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
      const kind = transactions[transaction]?.end === 'commit' ? due.shift() : undefined;
      const isQuiet = (draw.aim === 'clean' || draw.aim === 'doubtful') && random.chance(QUIET_PERCENT);
      steps.push({ do: 'op', transaction, op: drawOp(draw, { kind, isQuiet }) });
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

/** Now and then also attempts without effects. */
function drawSelection({ random, aim }: Draw, transactions: readonly Transaction[]): Selection {
  const isUnhindered = aim === 'clean' || aim === 'doubtful';
  const attempts = new Set<string>();
  const [agents, logins] = [new Set<number>(), new Set<string>()];
  for (const [index, transaction] of transactions.entries()) {
    const { actor, end } = transaction;
    if (actor.is === 'agent') agents.add(actor.agent);
    if (actor.is === 'role') logins.add('role');
    if (actor.is === 'person' || end === 'rollback' || end === 'die' || (isUnhindered && isOfPrelude(transaction))) continue;
    attempts.add(actor.is === 'agent' ? keyOf(actor) : `login/${index}`);
  }
  if (aim === 'nothing') return { by: 'attempts', attempts: [keyOf(WITHOUT_EFFECTS)] };
  if (isUnhindered && transactions.some(isOfPrelude) && attempts.size > 0) return { by: 'attempts', attempts: [...attempts] };
  if (aim !== 'any' && random.chance(70)) return { by: 'everything' };
  const by = random.of(['attempts', 'attempts', 'agents', 'everything', ...(logins.size > 0 ? ['logins', 'logins'] : [])] as const);
  if (by === 'agents' && agents.size > 0) return { by, agents: [...agents].filter((_, n) => n === 0 || random.chance(30)) };
  if (by === 'logins') return { by, logins: [...logins] };
  if (by === 'everything' || attempts.size === 0) return { by: 'everything' };
  const some = [...attempts].filter(() => random.chance(50));
  return { by: 'attempts', attempts: some.length > 0 ? some : [random.of([...attempts])] };
}
