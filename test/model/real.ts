/**
 * The same history on a real PostgreSQL, undone through the service: its play, what the oracle expects, and how it ends in memory all have to be the same. A worker lives, and
 * events come in their order, which make no difference in memory.
 */
import { type Question, undoByService } from '../histories/by-service.ts';
import type { Mode } from '../histories/elements.ts';
import { type Expected, expect, factsOf } from '../histories/expect.ts';
import { type Outcome, playScript, type Stage } from '../histories/judge.ts';
import { endOf, mismatchesOf, type Undone } from '../histories/mismatches.ts';
import type { History, Ordered } from '../histories/play.ts';
import { readRows } from '../histories/record.ts';
import { tableOf } from '../histories/schema.ts';
import { judge, type Played, playHistory, withLate } from './judge.ts';
import { factsWith, lateWrite, MODES } from './twist.ts';

/** In every mode. A database that neither a run nor a person has changed since is undone again. */
export async function judgeOnPostgres(stage: Stage, seed: number): Promise<readonly Outcome[]> {
  const played = playHistory(seed, true);
  const inMemory = await judge(seed, { isEarly: true });
  const outcomes: Outcome[] = [];
  let question: Question | undefined;
  for (const [at, mode] of MODES.entries()) {
    question ??= await playOn(await stage.next(seed), played, `${seed}-${mode}`);
    const outcome = await undo(question, played, mode, inMemory[at]?.undone as Undone);
    outcomes.push(outcome);
    if (isChanged(outcome) || played.twist.late !== undefined) question = undefined;
  }
  return outcomes;
}

const isChanged = ({ end }: Outcome): boolean => end !== 'refused' && end !== 'nothing';

async function playOn(stage: Stage, { history, twist }: Played, name: string): Promise<Question> {
  const question = await playScript(stage, history.script, name, (agent) => twist.skewMs[agent] ?? 0);
  const { speakers, service } = question;
  for (const [attempt, { ruled, then }] of twist.words) {
    if (!history.committed.some((one) => one.attempt === attempt) && !isIntended(question, attempt)) continue;
    await service.operator.settle(speakers.actionOf(attempt), { as: ruled, reason: 'the history says so' });
    if (then !== undefined) await speakers.contradict(attempt, then);
  }
  return question;
}

/** An agent intends each attempt before its first transaction. */
const isIntended = ({ history }: Question, attempt: string): boolean =>
  history.script.transactions.some(({ actor }) => actor.is === 'agent' && `${actor.agent}/${actor.attempt}` === attempt);

async function undo(question: Question, played: Played, mode: Mode, inMemory: Undone): Promise<Outcome> {
  const { history, target } = question;
  const { twist } = played;
  const facts = factsWith(factsOf(history), history, twist);
  const expected = expect(history, false, mode, facts);
  const late = twist.late && lateWrite(played.history, expected.order, mode);
  const undone = await undoByService(question, mode, async () => late && writeLate(question, late));
  const run: History = late !== undefined && undone.verdict !== undefined ? withLate(history, late) : history;
  const after = await readRows(target.owner, history.names);
  const differing = (wanted: Expected) => mismatchesOf(run, wanted, undone, after);
  const inTurn = differing(expected);
  const isRight = inTurn.length === 0 || differing(expect(history, true, mode, facts)).length === 0;
  const mismatches = [...playsOf(played.history, history), ...(isRight ? [] : inTurn), ...endsOf(inMemory, undone)];
  return { seed: history.script.seed, kinds: [], mode, end: endOf(undone), mismatches };
}

async function writeLate({ target }: Question, { table, after, written, row }: Ordered): Promise<void> {
  const person = { is: 'person' } as const;
  const client = await target.connect(person, false);
  const { key } = tableOf(table);
  const values = row.slice(row.indexOf('|') + 1).split(',');
  const [column] = written;
  const where = key.map((name, n) => `${name} = $${n + 2}`).join(' AND ');
  await client.query(`UPDATE ${table} SET ${column} = $1 WHERE ${where}`, [after?.get(column ?? ''), ...values]);
  target.release(person, false, client);
}

/** Statement by statement. */
function playsOf(inMemory: History, onPostgres: History): readonly string[] {
  const linesOf = ({ committed }: History) =>
    committed.map(({ attempt, effects }) => {
      const cells = effects.map(({ row, before, after, written }) => [
        row,
        before && [...before],
        after && [...after],
        [...written].sort(),
      ]);
      return `${attempt}: ${JSON.stringify(cells.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)))}`;
    });
  const [expected, found] = [linesOf(inMemory), linesOf(onPostgres)];
  const at = Array.from({ length: Math.max(expected.length, found.length) }, (_, n) => n).find((n) => expected[n] !== found[n]);
  return at === undefined ? [] : [`the plays differ:\n    ${expected[at]} in memory\n    ${found[at]} on PostgreSQL`];
}

function endsOf(inMemory: Undone, onPostgres: Undone): readonly string[] {
  const textOf = (undone: Undone) =>
    [endOf(undone), ...[...undone.attempts].map(([attempt, { outcome }]) => `${attempt} ${outcome}`).sort()].join(', ');
  return textOf(inMemory) === textOf(onPostgres)
    ? []
    : [`the ends differ: ${textOf(inMemory)} in memory; ${textOf(onPostgres)} on PostgreSQL`];
}
