/** Plays seeded histories, undoes them, and compares outcomes and every byte, mode and name with the oracle. */
import { fork } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { InverseResult, Overwrite } from '@recant/connector';
import { createFilesystemConnector } from '../../../libs/connectors/filesystem/src/undo/filesystem-connector.ts';
import { randomOf } from '../random.ts';
import { Oracle, type Overwrites } from './oracle.ts';
import { save } from './perform.ts';
import { type Attempt, type History, Player } from './play.ts';
import { LONG, type Script, scriptOf } from './script.ts';
import { readTree, treeText } from './tree.ts';

export interface Counts {
  histories: number;
  restored: number;
  conflicted: number;
  saves: number;
  /** Parts that steps overwrote, in mode `force`. */
  overwritten: number;
}

const THEIRS = 'saved by a person in the window';

/** @returns mismatches as texts, each with its seed */
export async function playHistories(from: number, count: number, goesOn: () => boolean, counts: Counts): Promise<string[]> {
  const child = fork(join(import.meta.dirname, 'process.ts'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const failures: string[] = [];
  try {
    for (let seed = from; seed < from + count && goesOn(); seed += 1) {
      const parent = await mkdtemp(join(tmpdir(), 'recant-files-'));
      try {
        const root = join(parent, 'root');
        await layOut(root);
        const script = scriptOf(seed, randomOf(seed));
        const history = await new Player(root, join(parent, 'tick'), script, child).play();
        const failure = await undoAll(root, script, history, counts);
        if (failure !== undefined) failures.push(`seed ${seed}: ${failure}\n${JSON.stringify(script).replaceAll(LONG, 'LONG')}`);
        counts.histories += 1;
      } finally {
        await rm(parent, { recursive: true, force: true });
      }
    }
  } finally {
    child.kill();
  }
  return failures;
}

async function layOut(root: string): Promise<void> {
  for (const folder of ['', 'd', 'e']) await mkdir(join(root, folder), { mode: 0o755 });
  for (const path of ['f0', 'f1', 'd/g0']) await writeFile(join(root, path), '1', { mode: 0o644 });
}

/** A person's save in a window of a step, and whether it must make the step conflict. */
interface Saved {
  readonly path: string;
  readonly conflicts: boolean;
}

async function undoAll(root: string, script: Script, history: History, counts: Counts): Promise<string | undefined> {
  const chosen = history.attempts.filter(({ actor }) => script.undoes.includes(actor));
  const numbers = new Set(chosen.map(({ number }) => number));
  const writes = history.writes.map((write) =>
    script.withAmbiguous && numbers.has(write.attempt) ? { ...write, isAmbiguous: false } : write,
  );
  const oracle = new Oracle(writes, history.tree);
  const steps = ordered(
    chosen.filter(({ number }) => writes.some((write) => write.attempt === number && !write.isAmbiguous)),
    oracle,
  );
  let met = 0;
  let saved: Saved | undefined;
  let current: Attempt | undefined;
  const failpoint = async (point: string) => {
    if (current === undefined || script.save === undefined || saved !== undefined || point !== script.save.window) return;
    met += 1;
    if (met === script.save.nth) saved = await saveIn(root, oracle, current, script.save.byRename);
  };
  // One file at a time, so that a window is that of one file.
  const connector = createFilesystemConnector(failpoint, { filesAtOnce: 1 });
  const target = await connector.open({ name: 'notes', connector: 'filesystem', options: { root } });
  const stepOf = (attempt: Attempt, at: number) => ({
    step: at + 1,
    attempt: { source: 'recant://recant/1', action: `undo-${script.seed}-${attempt.number}`, attempt: 1 },
    undoes: attempt.ref,
    effects: attempt.effects.filter(({ ambiguous }) => script.withAmbiguous || ambiguous !== true),
    knownOrdinals: {},
  });
  const isForced = script.mode === 'force';
  try {
    const imagined = oracle.copy();
    const named: Overwrites[] = [];
    const planned = steps.map((attempt) => {
      named.push(isForced ? imagined.overwrites(attempt.number) : new Map());
      return expectAndApply(imagined, attempt, isForced ? 'any' : undefined);
    });
    const answers = await target.rehearse(
      steps.map((step, at) => ({ ...stepOf(step, at), ...(isForced && { overwrites: 'any' as const }) })),
    );
    const rehearsed = answers.map(({ outcome }) => outcome);
    if (JSON.stringify(rehearsed) !== JSON.stringify(planned)) return `rehearsal ${rehearsed}, expected ${planned}`;
    const isRefused = script.mode === 'refuse' && planned.includes('conflicted');
    for (const [at, attempt] of isRefused ? [] : steps.entries()) {
      if (planned[at] === 'conflicted') continue;
      [current, saved] = [attempt, undefined];
      const overwrites = overwritesIn(answers[at]);
      const [result] = await target.invert({
        run: 'run',
        token: '1',
        steps: [{ ...stepOf(attempt, at), ...(isForced && { overwrites }) }],
      });
      const during = saved as Saved | undefined;
      const wanted = placesOf(oracle.overwrites(attempt.number));
      const expected = during?.conflicts === true ? 'conflicted' : expectAndApply(oracle, attempt, named[at]);
      if (during !== undefined) oracle.tree.set(during.path, { ...(await itemOf(root, during.path)), content: THEIRS });
      counts.saves += during === undefined ? 0 : 1;
      if (expected === 'restored') counts.restored += 1;
      if (expected === 'conflicted') counts.conflicted += 1;
      if (result?.outcome !== expected)
        return `step ${at + 1} ${result?.outcome} ${JSON.stringify(result?.findings)}, expected ${expected}`;
      const lost = placesOf(overwritesIn(result));
      if (expected === 'restored' && lost !== wanted) return `step ${at + 1} overwrites ${lost}, expected ${wanted}`;
      counts.overwritten += expected === 'restored' ? overwrites.length : 0;
      if (expected === 'conflicted' && script.mode === 'refuse') break;
    }
    counts.conflicted += planned.filter((outcome) => outcome === 'conflicted').length;
    const [found, wanted] = [treeText(await readTree(root)), treeText(new Map([...oracle.tree].sort(([a], [b]) => (a < b ? -1 : 1))))];
    return found === wanted ? undefined : `found\n${found}\nexpected\n${wanted}`;
  } finally {
    await target.close();
  }
}

/** What the answer says that the step overwrites, as a plan names it. */
const overwritesIn = (answer: InverseResult | undefined): readonly Overwrite[] =>
  (answer?.findings ?? []).flatMap(({ code, resource, part, found, writer }) =>
    code === 'overwritten' && writer ? [{ resource, part, version: found ?? null, through: writer.ordinal }] : [],
  );

/** Paths and parts. */
const placesOf = (overwrites: Overwrites | readonly Overwrite[]): string =>
  (overwrites instanceof Map
    ? [...overwrites.keys()]
    : (overwrites as readonly Overwrite[]).map(({ resource, part }) => `${resource.replace('filesystem://notes/', '')} ${part}`)
  )
    .sort()
    .join(', ');

function expectAndApply(oracle: Oracle, { number }: Attempt, seen?: Overwrites | 'any') {
  const expected = oracle.expect(number, seen);
  if (expected === 'restored') oracle.apply(number);
  if (expected === 'already_undone') oracle.end(number);
  return expected;
}

/** The order in which most can be undone: later writers first. */
function ordered(attempts: readonly Attempt[], oracle: Oracle): readonly Attempt[] {
  const copy = oracle.copy();
  const rest = [...attempts].reverse();
  const steps: Attempt[] = [];
  for (;;) {
    const at = rest.findIndex(({ number }) => copy.expect(number) !== 'conflicted');
    if (at === -1) return [...steps, ...rest];
    const [next] = rest.splice(at, 1) as [Attempt];
    expectAndApply(copy, next);
    steps.push(next);
  }
}

/** Saves the first file of the step whose content goes back; undefined: it has none. */
async function saveIn(root: string, oracle: Oracle, { number }: Attempt, byRename: boolean): Promise<Saved | undefined> {
  const after = oracle.copy();
  after.apply(number);
  const path = oracle.pathsOf(number).find((each) => {
    const [from, to] = [oracle.tree.get(each), after.tree.get(each)];
    return from?.type === 'file' && to?.type !== 'dir' && from.content !== to?.content;
  });
  if (path === undefined) return undefined;
  const live = (await readTree(root)).get(path);
  const to = after.tree.get(path);
  const isDone = to === undefined ? live === undefined : live?.content === to.content;
  await save(join(root, path), THEIRS, byRename);
  return { path, conflicts: !isDone };
}

async function itemOf(root: string, path: string) {
  const item = (await readTree(root)).get(path);
  return item ?? { type: 'file' as const, mode: 0, content: '' };
}
