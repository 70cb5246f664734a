import type { Finding } from '@recant/connector';
import { sweepBeside } from './act.ts';
import { inParent, makeFolder, makeLink, putFile, removeOne, setMode, setTimes } from './change.ts';
import { codeOf } from './failure.ts';
import { look } from './look.ts';
import { depthOf, type Path, resourceOf } from './path.ts';
import type { Entry, Intent, StepRecord } from './record.ts';
import { LETTERS, PART_OF, type Present, type State, samePart, sameState } from './state.ts';
import type { Held } from './store.ts';

export interface Change {
  readonly path: Path;
  readonly from: State;
  readonly to: State;
  /** Of the file being written. */
  readonly ordinal: number;
}
type Plan = Extract<Intent, { k: 'plan' }>;
export type Ended =
  | { readonly kind: 'step'; readonly record: StepRecord }
  | { readonly kind: 'aborted'; readonly findings: readonly Finding[] };

/**
 * Carries a written plan out, or takes it back, or says that it could do neither. Called after the guards, and again after a kill: whatever the
 * plan's paths were left at, each ends at its `a` (record `step`) or its `b` (record `aborted`). Somebody else's state is never overwritten.
 */
export async function endPlan(held: Held, plan: Plan): Promise<Ended> {
  for (const entry of plan.es) await sweepBeside(held, entry);
  let findings = await strangersIn(held, plan.es);
  if (findings.length === 0) {
    const failed = await tryAll(held, plan.es.map(forward));
    findings = failed === undefined ? await unequal(held, plan.es) : [findingOf(held, plan.es, failed)];
    if (findings.length === 0) return ended(held, plan, plan.es, 'restored', []);
  }
  const own = await filterAsync(plan.es, async (entry) => isOwn(entry, await stateAt(held, entry)));
  const stuck = await tryAll(held, own.map(backward));
  const left = await filterAsync(plan.es, async (entry) => !isSame(await stateAt(held, entry), entry.b));
  const wrote = left.filter((entry) => own.includes(entry));
  if (stuck !== undefined || wrote.length > 0) {
    return ended(held, plan, wrote, 'undecided', [
      ...findings,
      findingOf(held, plan.es, stuck ?? 'What was written could not be taken back.'),
    ]);
  }
  await held.append({ k: 'aborted', run: plan.run, step: plan.step });
  return { kind: 'aborted', findings };
}

async function ended(
  held: Held,
  plan: Plan,
  es: readonly Entry[],
  outcome: 'restored' | 'undecided',
  findings: readonly Finding[],
): Promise<Ended> {
  const { run, step, at } = plan;
  const record: StepRecord = { k: 'step', run, step, at, es, outcome, findings, residue: [] };
  await held.append(record);
  await held.failpoint('step.written');
  return { kind: 'step', record };
}

async function tryAll(held: Held, changes: readonly Change[]): Promise<string | undefined> {
  try {
    await applyAll(held, changes);
    return undefined;
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return (error as Error).message;
  }
}

/**
 * Not in the order of the ordinals but in one that a folder tree allows, with the same end: what goes, deepest first; what comes, parents first;
 * contents; modes and times of folders last, because a folder may end up closed to writing.
 */
async function applyAll(held: Held, changes: readonly Change[]): Promise<void> {
  const down = [...changes].sort((one, other) => depthOf(one.path) - depthOf(other.path));
  const up = [...down].reverse();
  for (const change of down) if (isFolder(change.from) && isFolder(change.to)) await openUp(held, change);
  for (const change of up) if (goes(change)) await takeAway(held, change);
  for (const change of down) if (comes(change)) await bring(held, change);
  for (const change of down) if (!comes(change) && change.to?.t === 'file') await rewrite(held, change, change.to);
  for (const change of up) if (change.to?.t === 'dir') await closeUp(held, change, change.to);
}

const isFolder = (state: State): state is Extract<Present, { t: 'dir' }> => state?.t === 'dir';
const goes = ({ from, to }: Change) => from !== null && !samePart(from, to, 'e');
const comes = ({ from, to }: Change) => to !== null && !samePart(from, to, 'e');
const opened = (mode: number) => mode | 0o700;

async function openUp(held: Held, { path, from, to }: Change): Promise<void> {
  if (!isFolder(to) || samePart(from, to, 'm')) return;
  await inParent(held.look.root, path, (folder, name) => setMode(folder, name, opened(to.m)));
}

async function takeAway(held: Held, { path, from }: Change): Promise<void> {
  const live = await stateOf(held, path, false);
  if (live == null || from === null || !samePart(live, from, 'e')) return;
  await held.failpoint('apply.remove');
  await inParent(held.look.root, path, (folder, name) => removeOne(folder, name, live.t));
}

async function bring(held: Held, { path, to, ordinal }: Change): Promise<void> {
  if (to === null || isSame(await stateOf(held, path, true), to)) return;
  await held.failpoint('apply.create');
  await inParent(held.look.root, path, async (folder, name) => {
    if (to.t === 'dir') return makeFolder(folder, name, opened(to.m));
    if (to.t === 'link') return makeLink(folder, name, to.l);
    return putFile(folder, name, await contentOf(held, to), to, { replace: false, ordinal, failpoint: held.failpoint });
  });
}

async function rewrite(held: Held, { path, from, ordinal }: Change, to: Extract<Present, { t: 'file' }>): Promise<void> {
  const content = !samePart(from, to, 'c');
  const live = await stateOf(held, path, content);
  if (live === null || live === undefined || isSame(live, content ? to : withoutContent(to))) return;
  await held.failpoint('apply.write');
  await inParent(held.look.root, path, async (folder, name) => {
    if (content) return putFile(folder, name, await contentOf(held, to), to, { replace: true, ordinal, failpoint: held.failpoint });
    await setMode(folder, name, to.m);
  });
}

async function closeUp(held: Held, { path }: Change, to: Extract<Present, { t: 'dir' }>): Promise<void> {
  await inParent(held.look.root, path, async (folder, name) => {
    await setTimes(folder, name, to.u);
    await setMode(folder, name, to.m);
  });
}

async function contentOf(held: Held, to: Extract<Present, { t: 'file' }>): Promise<Buffer> {
  const content = await held.images.get(to.c ?? '');
  if (content === undefined) throw Object.assign(new Error(`The image ${to.c} is gone.`), { code: 'ENOENT' });
  return content;
}

const forward = (entry: Entry): Change => ({ path: entry.p, from: entry.b, to: entry.a, ordinal: entry.o });
const backward = (entry: Entry): Change => ({ path: entry.p, from: entry.a, to: entry.b, ordinal: entry.o });
const withoutContent = (state: Extract<Present, { t: 'file' }>): State => ({ t: 'file', m: state.m, u: state.u, g: state.g });

async function stateOf(held: Held, path: Path, content: boolean): Promise<State | undefined> {
  const seen = await look({ ...held.look, content }, path);
  return seen.kind === 'state' ? seen.state : undefined;
}
/** Undefined: unreadable. Content is looked at only where the plan knows it. */
const stateAt = (held: Held, entry: Entry) => stateOf(held, entry.p, knowsContent(entry.b) || knowsContent(entry.a));
const knowsContent = (state: State) => state?.t === 'file' && state.c !== undefined;
const isSame = (live: State | undefined, state: State) => live !== undefined && sameState(live, state);

/** At one end of the change, or at what a kill in its middle leaves. */
function isOwn(entry: Entry, live: State | undefined): boolean {
  if (live === undefined) return false;
  if (sameState(live, entry.a) || sameState(live, entry.b)) return true;
  if (live === null) return entry.b !== null && entry.a !== null && !samePart(entry.b, entry.a, 'e');
  return isFolder(live) && [entry.a, entry.b].some((state) => isFolder(state) && opened(state.m) === live.m);
}

/** Paths at which somebody else wrote between the guards and now. */
async function strangersIn(held: Held, es: readonly Entry[]): Promise<Finding[]> {
  const strange = await filterAsync(es, async (entry) => !isOwn(entry, await stateAt(held, entry)));
  return strange.map(({ p }) => ({
    resource: resourceOf(held.system, p),
    part: 'exists',
    code: 'drift',
    detail: 'Somebody wrote here while the inverse was applied.',
  }));
}

/** Read back. */
async function unequal(held: Held, es: readonly Entry[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const entry of es) {
    const live = await stateAt(held, entry);
    for (const letter of LETTERS) {
      if (live !== undefined && samePart(live, entry.a, letter)) continue;
      findings.push({
        resource: resourceOf(held.system, entry.p),
        part: PART_OF[letter],
        code: 'read_back',
        detail: 'What was written does not read back as before.',
      });
    }
  }
  return findings;
}

function findingOf(held: Held, es: readonly Entry[], detail: string): Finding {
  const at = es.find((entry) => detail.includes(`'${entry.p}'`)) ?? es[0];
  return {
    resource: at === undefined ? `filesystem://${held.system}/` : resourceOf(held.system, at.p),
    part: 'exists',
    code: 'constraint',
    detail: detail.slice(0, 500),
  };
}

async function filterAsync<T>(items: readonly T[], fits: (item: T) => Promise<boolean>): Promise<T[]> {
  const kept: T[] = [];
  for (const item of items) if (await fits(item)) kept.push(item);
  return kept;
}
