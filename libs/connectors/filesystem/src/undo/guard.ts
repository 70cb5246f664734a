import type { Finding, FindingCode, RehearsedStep } from '@recant/connector';
import { inParallel } from '../in-parallel.ts';
import { childOf, type Path, parentOf, ROOT } from '../path.ts';
import { namesIn, readState } from '../read-state.ts';
import { imageOf, LETTERS, type Letter, PART_OF, type State, samePart } from '../state.ts';
import type { Mark } from '../store/history.ts';
import type { LockedStore } from '../store/locked-store.ts';
import type { NetChange } from './net-change.ts';
import { type Overwriting, overwritingOf } from './overwrites.ts';

/** One path of a step with its live and its target state. Equal states: nothing to write. */
export interface Judged {
  readonly net: NetChange;
  readonly live: State;
  readonly target: State;
  /** Parts that the inverse writes, also those whose value stays. */
  readonly write: readonly Letter[];
}
export type Judgement =
  /** `overwritten`: findings of that code. */
  | { readonly kind: 'go'; readonly changes: readonly Judged[]; readonly overwritten: readonly Finding[] }
  | { readonly kind: 'already_undone' }
  | { readonly kind: 'conflicted'; readonly findings: readonly Finding[] };

/** What earlier steps of a rehearsal would leave: states by path, and the ordinals that they would undo. */
export interface Imagined {
  readonly states: ReadonlyMap<Path, State>;
  readonly undone: ReadonlySet<number>;
}
const NOTHING: Imagined = { states: new Map(), undone: new Set() };

export interface Judging {
  /** Ordinals of the effects that the step undoes. */
  readonly undid: readonly number[];
  /** Mode `force`; see InverseStep. */
  readonly overwrites?: RehearsedStep['overwrites'];
  /** For a rehearsal. */
  readonly imagined?: Imagined;
}

/** Decides a step: compares every part with *before* and *after*, then checks folder constraints. Reads only (I5). */
export async function judge(
  locked: LockedStore,
  nets: readonly NetChange[],
  { undid, overwrites, imagined = NOTHING }: Judging,
): Promise<Judgement> {
  const findings: Finding[] = [];
  const judged: Judged[] = [];
  const overwritten: Finding[] = [];
  const context = { locked, own: new Set([...undid, ...imagined.undone]), overwriting: overwritingOf(locked, overwrites) };
  let differing = 0;
  let atBefore = 0;
  const looked = await inParallel(nets, async (net) => ({ net, seen: await seenAt(locked, net.path, net.parts.has('c'), imagined) }));
  for (const { net, seen } of looked) {
    const find = finderOf(net, findings);
    if (seen.kind === 'unreadable') {
      find('e', seen.waits ? 'permission' : 'unreadable', seen.reason);
      continue;
    }
    const isOther = !net.parts.has('e') && seen.state !== null && !samePart(seen.state, net.left, 'e');
    if (isOther) find('e', 'drift', 'Something else is there now.', { found: locked.versionOf(seen.state, 'e') });
    const compared = await compareParts(context, net, seen.state);
    findings.push(...compared.findings);
    overwritten.push(...compared.overwritten);
    differing += compared.differing;
    atBefore += compared.atBefore;
    judged.push({ net, live: seen.state, target: targetOf(net, seen.state, compared.write, find), write: compared.write });
  }
  // Everything is at *before* already: nothing is written, so no work can be lost.
  if (findings.length === 0 && overwritten.length === 0 && differing > 0 && atBefore === differing) return { kind: 'already_undone' };
  findings.push(...(await constraints(locked, judged, imagined)));
  if (findings.length > 0) return { kind: 'conflicted', findings };
  return { kind: 'go', changes: judged.filter(({ write }) => write.length > 0), overwritten };
}

type Find = (letter: Letter, code: FindingCode, detail: string, ends?: Partial<Finding>) => void;
const finderOf =
  ({ resource }: NetChange, findings: Finding[]): Find =>
  (letter, code, detail, ends = {}) =>
    void findings.push({ resource, part: PART_OF[letter], code, detail, ...ends });

interface Comparing {
  readonly locked: LockedStore;
  readonly own: ReadonlySet<number>;
  readonly overwriting: Overwriting;
}

/** The parts of one path that are written, because they are as the attempt left them or may be overwritten. */
async function compareParts({ locked, own, overwriting }: Comparing, net: NetChange, live: State) {
  const findings: Finding[] = [];
  const overwritten: Finding[] = [];
  const find = finderOf(net, findings);
  const write: Letter[] = [];
  let differing = 0;
  let atBefore = 0;
  for (const [letter, { before, after }] of net.parts) {
    const found = locked.versionOf(live, letter);
    if (before !== after) differing += 1;
    if (found === before && before !== after) {
      atBefore += 1;
      continue;
    }
    const later = laterWrite(locked, net, letter, own);
    const isUntouched = found === after && later === undefined;
    const forced = isUntouched ? undefined : await overwriting({ net, letter, live, later });
    if (found === after || forced?.code === 'overwritten') write.push(letter);
    if (isUntouched) continue;
    if (forced !== undefined) (forced.code === 'overwritten' ? overwritten : findings).push(forced);
    else if (found === after) find(letter, 'later_write', 'Written later by another attempt.');
    else find(letter, 'drift', 'Changed since the attempt.', { expected: after, found });
  }
  return { findings, overwritten, write, differing, atBefore };
}

/** The last write of the part after the first effect that is undone, except for effects that are undone too, and what cancels out. */
function laterWrite(locked: LockedStore, net: NetChange, letter: Letter, own: ReadonlySet<number>): Mark | undefined {
  const first = net.parts.get(letter)?.first ?? 0;
  return locked.history
    .marksOf(net.path)
    .findLast(
      ({ ordinal, written }) => ordinal > first && written.includes(letter) && !own.has(ordinal) && !locked.history.isCancelled(ordinal),
    );
}

/** The live state with the written parts from their images. Creation, removal and a change of type need guards on all parts. */
function targetOf(net: NetChange, live: State, write: readonly Letter[], find: Find): State {
  const image = (letter: Letter): State => net.parts.get(letter)?.image ?? null;
  if (write.includes('e')) {
    for (const letter of LETTERS) {
      const stands = imageOf(live, letter) !== null || imageOf(image('e'), letter) !== null;
      if (stands && !net.parts.has(letter))
        find(letter, 'side_effect', 'The plan does not cover this part, and undoing would overwrite it.');
    }
    return withParts(image('e'), image('c'), image('m'));
  }
  return withParts(live, write.includes('c') ? image('c') : null, write.includes('m') ? image('m') : null);
}

/** Content and mode may have been written before the item was removed: each part returns to its value before its own first write. */
function withParts(state: State, content: State, mode: State): State {
  let target = state;
  if (target?.t === 'file' && content?.t === 'file' && content.c !== undefined) target = { ...content, m: target.m };
  if (target !== null && target.t !== 'link' && mode !== null && mode.t !== 'link') target = { ...target, m: mode.m };
  return target;
}

/** A removed folder must be empty by then; a created item needs its parent folder. */
async function constraints(locked: LockedStore, judged: readonly Judged[], imagined: Imagined): Promise<Finding[]> {
  const targets = new Map<Path, State>([...imagined.states, ...judged.map(({ net, target }) => [net.path, target] as const)]);
  const findings: Finding[] = [];
  for (const { net, live, target } of judged) {
    const find = (detail: string) => findings.push({ resource: net.resource, part: 'exists', code: 'constraint', detail });
    if (live?.t === 'dir' && target?.t !== 'dir') {
      const names = await namesIn(
        { ...locked.readOptions, lenient: imagined.states.has(net.path) || locked.readOptions.lenient === true },
        net.path,
      );
      const made = [...imagined.states.keys()].filter((path) => parentOf(path) === net.path).map((path) => path.slice(net.path.length + 1));
      const staying = [...new Set([...names, ...made])].filter((name) => targets.get(childOf(net.path, name)) !== null);
      if (staying.length > 0) find(`The folder is not empty: ${staying.slice(0, 3).join(', ')}${staying.length > 3 ? ', ...' : ''}.`);
    }
    if (live === null && target !== null && !(await hasFolder(locked, parentOf(net.path), targets)))
      find('The parent folder no longer exists.');
  }
  return findings;
}

/** An imagined state whose content no step writes has the content of today. */
async function seenAt(locked: LockedStore, path: Path, content: boolean, imagined: Imagined): ReturnType<typeof readState> {
  const state = imagined.states.get(path);
  if (state !== undefined && !(content && state?.t === 'file' && state.c === undefined)) return { kind: 'state', state };
  const seen = await readState({ ...locked.readOptions, content }, path);
  if (state?.t !== 'file' || seen.kind !== 'state' || seen.state?.t !== 'file') return seen;
  return { kind: 'state', state: { ...seen.state, m: state.m } };
}

async function hasFolder(locked: LockedStore, path: Path, targets: ReadonlyMap<Path, State>): Promise<boolean> {
  if (path === ROOT) return true;
  const target = targets.get(path);
  if (target !== undefined) return target?.t === 'dir';
  const seen = await readState({ ...locked.readOptions, content: false }, path);
  return seen.kind === 'state' && seen.state?.t === 'dir';
}
