/** One history in every mode, over adapters in memory: what the product makes of it, and what the oracle expects. */
import type { RecantEvent } from '@recant/events';
import type { Selection } from '@recant/planner';
import type { Mode } from '../histories/elements.ts';
import { type Expected, expect, type Facts, factsOf } from '../histories/expect.ts';
import { explain } from '../histories/explain.ts';
import type { Kind } from '../histories/kinds.ts';
import { type End, endOf, mismatchesOf, type Undone } from '../histories/mismatches.ts';
import type { History, Ordered } from '../histories/play.ts';
import type { Random } from '../histories/random.ts';
import type { Rows } from '../histories/record.ts';
import { type Drawable, drawScript } from '../histories/script.ts';
import { Agents, agentOf } from './agents.ts';
import { type EdgeKind, edgesIn } from './edges.ts';
import { tableOfRow } from './memory/database.ts';
import { Ledger } from './memory/ledger.ts';
import { Target } from './memory/target.ts';
import { playInMemory } from './play.ts';
import { drawScenario, isScenario, TABLES } from './scenario.ts';
import { drawTwist, factsWith, LEDGER_START_MS, lateWrite, MODES, type Twist } from './twist.ts';
import { undoInMemory } from './undo.ts';

/** Kinds of `test:histories` that the database in memory has. */
export const DRAWN: Drawable = {
  tables: TABLES,
  acts: [
    'key changes',
    'equal and blind writes',
    'upserts',
    'savepoints',
    'long and interleaved transactions',
    'unnamed logins',
    'agent by role',
    'shared login',
    'agent that dies',
    'back-dated name',
    'agent that withholds',
    'agent that forges',
    'key revoked midway',
    'agent that is not believed',
    'mutual dependents',
  ] satisfies Kind[],
};

export interface Outcome {
  readonly seed: number;
  readonly mode: Mode;
  readonly end: End;
  readonly edges: readonly EdgeKind[];
  readonly mismatches: readonly string[];
  /** How the undo ended, in full: compared with the one on PostgreSQL. */
  readonly undone: Undone;
}

export interface Played {
  readonly history: History;
  readonly twist: Twist;
  readonly agents: Agents;
  readonly ledger: Ledger;
  readonly target: Target;
  readonly facts: ReadonlyMap<string, Facts>;
  /** Ledger's clock, before the history: milliseconds since 1970, UTC. */
  readonly fromMs: number;
}

const newTarget = (): Target => new Target(new Map());

export function playHistory(seed: number, isEarly: boolean, createTarget = newTarget): Played {
  const script = isScenario(seed) ? drawScenario(seed) : drawScript(seed, undefined, DRAWN);
  const drawn = drawTwist(script);
  const twist: Twist = isEarly && drawn.late ? { ...drawn, late: 'before the run' } : drawn;
  const target = createTarget();
  const agents = new Agents(script, target, (agent) => twist.skewMs[agent] ?? 0);
  const { history, database } = playInMemory(script, agents);
  for (const [row, cells] of database.rows) target.rows.set(row, cells);
  const ledger = new Ledger(LEDGER_START_MS);
  const fromMs = ledger.nowMs;
  for (const [attempt, { ruled, then }] of twist.words) {
    ledger.rule(agents.refOf(attempt), { outcome: ruled, by: 'alice' });
    if (then !== undefined) agents.contradict(attempt, then);
  }
  for (const [attempt, says] of script.says) if (says === 'revoked') ledger.revoke(agents.refOf(attempt));
  for (const event of ordered(agents.events, twist.order)) ledger.append(event);
  return { history, twist, agents, ledger, target, facts: factsWith(factsOf(history), history, twist), fromMs };
}

/** Events of one source in their order, sources mixed. */
function ordered(events: readonly RecantEvent[], random: Random | undefined): readonly RecantEvent[] {
  if (random === undefined) return events;
  const bySource = [...Map.groupBy(events, ({ source }) => source).values()].map((own) => [...own]);
  const mixed: RecantEvent[] = [];
  while (mixed.length < events.length) {
    const event = random.of(bySource.filter((own) => own.length > 0)).shift();
    if (event) mixed.push(event);
  }
  return mixed;
}

export interface Judging {
  readonly modes?: readonly Mode[];
  /** A person who writes during a run writes before it. */
  readonly isEarly?: boolean;
  /** Default: one that is not broken. */
  readonly createTarget?: () => Target;
  /** Gets all of a history and of its undo in one mode. */
  readonly onEnd?: ((text: string) => void) | undefined;
}

export async function judge(
  seed: number,
  { modes = MODES, onEnd, isEarly = false, createTarget = newTarget }: Judging = {},
): Promise<readonly Outcome[]> {
  const played = playHistory(seed, isEarly, createTarget);
  const outcomes: Outcome[] = [];
  for (const mode of modes) outcomes.push(await undo(played, mode, onEnd));
  return outcomes;
}

async function undo(played: Played, mode: Mode, onEnd: Judging['onEnd']): Promise<Outcome> {
  const { history, twist, agents, facts } = played;
  const [ledger, target] = [played.ledger.fork(), played.target.fork()];
  const expected = expect(history, false, mode, facts);
  const late = twist.late && lateWrite(history, expected.order, mode);
  const write = () => {
    if (late === undefined) return;
    target.write(late.row, late.after, [...late.written], 'alice');
    target.onInvert = () => undefined;
  };
  if (twist.late === 'before its first write') target.onInvert = write;
  const selection = selectionOf(played);
  const { undone, faults, wasKilled } =
    selection === undefined
      ? { undone: NOTHING, faults: [], wasKilled: false }
      : await undoInMemory({
          ledger,
          target,
          selection,
          mode,
          nameOf: (action) => agents.names.get(action) ?? `? ${action}`,
          onPlanned: twist.late === 'before the run' ? write : () => undefined,
          killedAfter: twist.killedAfter,
        });
  onEnd?.(`${mode}: ${explain(history, expected, undone)}`);
  const wasLate = late !== undefined && undone.verdict !== undefined;
  const run: History = wasLate ? withLate(history, late) : history;
  const after = rowsOf(target);
  const inTurn = mismatchesOf(run, expected, undone, after);
  const isRight = inTurn.length === 0 || mismatchesOf(run, expect(history, true, mode, facts), undone, after).length === 0;
  return {
    seed: history.script.seed,
    mode,
    end: endOf(undone),
    edges: edgesIn({ history, twist, facts, wasLate, wasKilled, because: becauseOf(expected) }),
    mismatches: [...faults, ...(isRight ? [] : inTurn)],
    undone,
  };
}

const NOTHING: Undone = {
  verdict: undefined,
  code: 'plan_empty',
  state: 'refused',
  attempts: new Map(),
  conflicting: new Set(),
  isOpen: false,
  isLagging: false,
};

const becauseOf = ({ attempts }: Expected): readonly string[] => [...attempts.values()].flatMap(({ because }) => because);

/** It committed after the plan was made. */
export const withLate = (history: History, late: Ordered): History => ({
  ...history,
  waiting: [{ transaction: -1, attempt: undefined, xid: undefined, effects: [late] }],
});

const rowsOf = ({ rows }: Target): Rows =>
  new Map([...rows].map(([row, cells]) => [row, { table: tableOfRow(row).name, version: '', cells }] as const));

function selectionOf({ history, agents, fromMs }: Played): Selection | undefined {
  const { selection } = history.script;
  switch (selection.by) {
    case 'everything':
      return { fromMs };
    case 'agents':
      return { agents: selection.agents.map(agentOf) };
    case 'logins':
      return { agents: ['bot'] };
    case 'attempts': {
      const wanted = new Set(selection.attempts);
      const actions = [...agents.names].filter(([, attempt]) => wanted.has(attempt)).map(([action]) => action);
      return actions.length === 0 ? undefined : { actions };
    }
  }
}
