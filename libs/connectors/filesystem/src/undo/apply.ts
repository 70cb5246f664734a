import type { Finding } from '@recant/connector';
import { codeOf } from '../failure.ts';
import { depthOf, type Path, resourceOf } from '../path.ts';
import { readState } from '../read-state.ts';
import { LETTERS, PART_OF, type Present, type State, samePart, sameState } from '../state.ts';
import type { LockedStore } from '../store/locked-store.ts';
import type { Entry, Intent, StepRecord } from '../store/record.ts';
import { inParent, makeFolder, makeLink, putFile, removeOne, setMode, setTimes, sweepAt } from '../write-files.ts';

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
 * Completes a journalled plan, or takes it back, or reports that it could do neither. Called after the guards, and again after a kill: from any
 * intermediate state each path ends at its `a` (record `step`) or its `b` (record `aborted`). States written by others are never overwritten.
 */
export async function endPlan(locked: LockedStore, plan: Plan): Promise<Ended> {
  for (const entry of plan.es) await sweepAt(locked.readOptions.root, entry.p, entry.o);
  let findings = await foreignWrites(locked, plan.es);
  if (findings.length === 0) {
    const failed = await tryAll(locked, plan.es.map(forward));
    findings = failed === undefined ? await readBackMismatches(locked, plan.es) : [findingOf(locked, plan.es, failed)];
    if (findings.length === 0) return ended(locked, plan, plan.es, 'restored', []);
  }
  const own = await filterAsync(plan.es, async (entry) => isOwn(entry, await stateAt(locked, entry)));
  const stuck = await tryAll(locked, own.map(backward));
  const left = await filterAsync(plan.es, async (entry) => !isSame(await stateAt(locked, entry), entry.b));
  const wrote = left.filter((entry) => own.includes(entry));
  if (stuck !== undefined || wrote.length > 0) {
    return ended(locked, plan, wrote, 'undecided', [
      ...findings,
      findingOf(locked, plan.es, stuck ?? 'A partly applied inverse could not be reverted.'),
    ]);
  }
  await locked.append({ k: 'aborted', run: plan.run, step: plan.step });
  return { kind: 'aborted', findings };
}

async function ended(
  locked: LockedStore,
  plan: Plan,
  es: readonly Entry[],
  outcome: 'restored' | 'undecided',
  findings: readonly Finding[],
): Promise<Ended> {
  const { run, step, at } = plan;
  const record: StepRecord = { k: 'step', run, step, at, es, outcome, findings, residue: [] };
  await locked.append(record);
  await locked.failpoint('step.written');
  return { kind: 'step', record };
}

async function tryAll(locked: LockedStore, changes: readonly Change[]): Promise<string | undefined> {
  try {
    await applyAll(locked, changes);
    return undefined;
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return (error as Error).message;
  }
}

/**
 * Not in the order of ordinals but in one that a folder tree allows, with the same result: removals, deepest first; creations, parents first;
 * contents; modes and times of folders last, because a folder may become read-only.
 */
async function applyAll(locked: LockedStore, changes: readonly Change[]): Promise<void> {
  const down = [...changes].sort((one, other) => depthOf(one.path) - depthOf(other.path));
  const up = [...down].reverse();
  for (const change of down) if (isFolder(change.from) && isFolder(change.to)) await makeWritable(locked, change);
  for (const change of up) if (isRemoved(change)) await removeOld(locked, change);
  for (const change of down) if (isCreated(change)) await create(locked, change);
  for (const change of down) if (!isCreated(change) && change.to?.t === 'file') await rewrite(locked, change, change.to);
  for (const change of up) if (change.to?.t === 'dir') await setFolderAttributes(locked, change, change.to);
}

const isFolder = (state: State): state is Extract<Present, { t: 'dir' }> => state?.t === 'dir';
const isRemoved = ({ from, to }: Change) => from !== null && !samePart(from, to, 'e');
const isCreated = ({ from, to }: Change) => to !== null && !samePart(from, to, 'e');
const opened = (mode: number) => mode | 0o700;

async function makeWritable(locked: LockedStore, { path, from, to }: Change): Promise<void> {
  if (!isFolder(to) || samePart(from, to, 'm')) return;
  await inParent(locked.readOptions.root, path, (folder, name) => setMode(folder, name, opened(to.m)));
}

async function removeOld(locked: LockedStore, { path, from }: Change): Promise<void> {
  const live = await stateOf(locked, path, false);
  if (live == null || from === null || !samePart(live, from, 'e')) return;
  await locked.failpoint('apply.remove');
  await inParent(locked.readOptions.root, path, (folder, name) => removeOne(folder, name, live.t));
}

async function create(locked: LockedStore, { path, to, ordinal }: Change): Promise<void> {
  if (to === null || isSame(await stateOf(locked, path, true), to)) return;
  await locked.failpoint('apply.create');
  await inParent(locked.readOptions.root, path, async (folder, name) => {
    if (to.t === 'dir') return makeFolder(folder, name, opened(to.m));
    if (to.t === 'link') return makeLink(folder, name, to.l);
    return putFile(folder, name, await contentOf(locked, to), to, { replace: false, ordinal, failpoint: locked.failpoint });
  });
}

async function rewrite(locked: LockedStore, { path, from, ordinal }: Change, to: Extract<Present, { t: 'file' }>): Promise<void> {
  const content = !samePart(from, to, 'c');
  const live = await stateOf(locked, path, content);
  if (live === null || live === undefined || isSame(live, content ? to : withoutContent(to))) return;
  await locked.failpoint('apply.write');
  await inParent(locked.readOptions.root, path, async (folder, name) => {
    if (content) return putFile(folder, name, await contentOf(locked, to), to, { replace: true, ordinal, failpoint: locked.failpoint });
    await setMode(folder, name, to.m);
  });
}

async function setFolderAttributes(locked: LockedStore, { path }: Change, to: Extract<Present, { t: 'dir' }>): Promise<void> {
  await inParent(locked.readOptions.root, path, async (folder, name) => {
    await setTimes(folder, name, to.u);
    await setMode(folder, name, to.m);
  });
}

async function contentOf(locked: LockedStore, to: Extract<Present, { t: 'file' }>): Promise<Buffer> {
  const content = await locked.images.get(to.c ?? '');
  if (content === undefined) throw Object.assign(new Error(`The image ${to.c} is gone.`), { code: 'ENOENT' });
  return content;
}

const forward = (entry: Entry): Change => ({ path: entry.p, from: entry.b, to: entry.a, ordinal: entry.o });
const backward = (entry: Entry): Change => ({ path: entry.p, from: entry.a, to: entry.b, ordinal: entry.o });
const withoutContent = (state: Extract<Present, { t: 'file' }>): State => ({ t: 'file', m: state.m, u: state.u, g: state.g });

async function stateOf(locked: LockedStore, path: Path, content: boolean): Promise<State | undefined> {
  const seen = await readState({ ...locked.readOptions, content }, path);
  return seen.kind === 'state' ? seen.state : undefined;
}
/** Undefined: unreadable. Content is read only where the plan has a digest. */
const stateAt = (locked: LockedStore, entry: Entry) => stateOf(locked, entry.p, knowsContent(entry.b) || knowsContent(entry.a));
const knowsContent = (state: State) => state?.t === 'file' && state.c !== undefined;
const isSame = (live: State | undefined, state: State) => live !== undefined && sameState(live, state);

/** The live state is `a`, `b`, or an intermediate state that a kill leaves. */
function isOwn(entry: Entry, live: State | undefined): boolean {
  if (live === undefined) return false;
  if (sameState(live, entry.a) || sameState(live, entry.b)) return true;
  if (live === null) return entry.b !== null && entry.a !== null && !samePart(entry.b, entry.a, 'e');
  return isFolder(live) && [entry.a, entry.b].some((state) => isFolder(state) && opened(state.m) === live.m);
}

/** Paths that another process wrote since the guards were checked. */
async function foreignWrites(locked: LockedStore, es: readonly Entry[]): Promise<Finding[]> {
  const strange = await filterAsync(es, async (entry) => !isOwn(entry, await stateAt(locked, entry)));
  return strange.map(({ p }) => ({
    resource: resourceOf(locked.system, p),
    part: 'exists',
    code: 'drift',
    detail: 'Changed by another process while the inverse was applied.',
  }));
}

/** I7: reads every part back. */
async function readBackMismatches(locked: LockedStore, es: readonly Entry[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const entry of es) {
    const live = await stateAt(locked, entry);
    for (const letter of LETTERS) {
      if (live !== undefined && samePart(live, entry.a, letter)) continue;
      findings.push({
        resource: resourceOf(locked.system, entry.p),
        part: PART_OF[letter],
        code: 'read_back',
        detail: 'Read-back failed: the restored part has a different version.',
      });
    }
  }
  return findings;
}

function findingOf(locked: LockedStore, es: readonly Entry[], detail: string): Finding {
  const at = es.find((entry) => detail.includes(`'${entry.p}'`)) ?? es[0];
  return {
    resource: at === undefined ? `filesystem://${locked.system}/` : resourceOf(locked.system, at.p),
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
