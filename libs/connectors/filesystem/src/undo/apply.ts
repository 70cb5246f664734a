import type { Finding } from '@recant/connector';
import { codeOf, isWaiting } from '../failure.ts';
import { createFolders } from '../folders.ts';
import { inParallel } from '../in-parallel.ts';
import { type Path, resourceOf } from '../path.ts';
import { readState } from '../read-state.ts';
import { ForeignWrite, returnAside } from '../replace-aside.ts';
import { LETTERS, PART_OF, type State, samePart, sameState } from '../state.ts';
import type { LockedStore } from '../store/locked-store.ts';
import type { Entry, Intent, StepRecord } from '../store/record.ts';
import { inParent, MOVED, sweep } from '../write-files.ts';
import { type Change, ImageMissing, opened, writeAll } from './change-files.ts';

export type Plan = Extract<Intent, { k: 'plan' }>;
export type Ended =
  | { readonly kind: 'step'; readonly record: StepRecord }
  | { readonly kind: 'aborted'; readonly findings: readonly Finding[] };

/** `endPlan` after a kill. */
export async function resumePlan(locked: LockedStore, plan: Plan): Promise<Ended> {
  const folders = createFolders(locked.readOptions.root, plan.folders);
  try {
    return await endPlan({ ...locked, readOptions: { ...locked.readOptions, folders } }, plan, true);
  } finally {
    await folders.close();
  }
}

/**
 * Completes a journalled plan, or takes it back, or reports that it could do neither. Called after the guards, and again after a kill: from any
 * intermediate state each path ends at its `a` (record `step`) or its `b` (record `aborted`). States written by others are never overwritten. Where a
 * folder was moved meanwhile, the inverse is taken back in the folder, wherever it is now.
 * @param resumed true: after a kill
 */
export async function endPlan(locked: LockedStore, plan: Plan, resumed: boolean): Promise<Ended> {
  if (resumed) await clear(locked, plan.es);
  let findings = resumed ? await foreignWrites(locked, plan.es) : [];
  if (findings.length === 0) {
    const failed = await tryAll(locked, plan.es.map(forward), !resumed);
    findings = failed ?? [...(await readBackMismatches(locked, plan.es)), ...(await movedFolders(locked))];
    if (findings.length === 0) return ended(locked, plan, plan.es, 'restored', plan.overwritten ?? []);
  }
  locked.readOptions.folders?.follow();
  await clear(locked, plan.es);
  const own = await filterAsync(plan.es, async (entry) => {
    const live = await stateAt(locked, entry);
    return isOwn(entry, live) && !isSame(live, entry.b);
  });
  const stuck = await tryAll(locked, own.map(backward), false);
  await clear(locked, plan.es);
  const left = await filterAsync(plan.es, async (entry) => !isSame(await stateAt(locked, entry), entry.b));
  const wrote = left.filter((entry) => own.includes(entry));
  if (stuck !== undefined || wrote.length > 0) {
    const why = stuck ?? [findingOf(locked, wrote[0] ?? plan.es[0], 'constraint', 'A partly applied inverse could not be reverted.')];
    return ended(locked, plan, wrote, 'undecided', [...findings, ...why]);
  }
  await locked.append({ k: 'aborted', run: plan.run, step: plan.step });
  return { kind: 'aborted', findings };
}

/** A folder that is elsewhere now was moved while the inverse was applied: what was written there is not at the paths of the step. */
async function movedFolders(locked: LockedStore): Promise<Finding[]> {
  const path = await locked.readOptions.folders?.firstMoved();
  if (path === undefined) return [];
  return [{ ...placeOf(locked, path), code: 'drift', detail: 'The folder was moved or replaced while the inverse was applied.' }];
}

/** Removes what was prepared, and puts back what was set aside. */
async function clear(locked: LockedStore, es: readonly Entry[]): Promise<void> {
  await inParallel(es, async ({ p, o }) => {
    try {
      await inParent(locked.readOptions, p, async (folder, name) => {
        await returnAside(locked, folder, name, o);
        await sweep(folder, o);
      });
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
    }
  });
  await locked.images.flush();
}

async function ended(
  locked: LockedStore,
  plan: Plan,
  es: readonly Entry[],
  outcome: 'restored' | 'undecided',
  findings: readonly Finding[],
): Promise<Ended> {
  const { run, step, at, undid } = plan;
  const record: StepRecord = { k: 'step', run, step, at, es, undid, outcome, findings, residue: [] };
  await locked.append(record);
  await locked.failpoint('step.written');
  return { kind: 'step', record };
}

/** Undefined: all changes are made and durable. */
async function tryAll(locked: LockedStore, changes: readonly Change[], isFresh: boolean): Promise<Finding[] | undefined> {
  try {
    await writeAll(locked, changes, isFresh);
    return undefined;
  } catch (error) {
    if (error instanceof ForeignWrite) return [{ ...placeOf(locked, error.path), code: 'drift', detail: error.message }];
    if (error instanceof ImageMissing)
      return [{ ...placeOf(locked, error.path), part: 'content', code: 'image_missing', detail: error.message }];
    if (codeOf(error) === undefined) throw error;
    const { message } = error as Error;
    const at = changes.find(({ path }) => message.includes(`'${path}'`)) ?? changes[0];
    const detail = message.replaceAll(/\/proc\/self\/fd\/\d+\//g, '').slice(0, 500);
    const code = codeOf(error) === MOVED ? 'drift' : isWaiting(codeOf(error)) ? 'permission' : 'constraint';
    return [{ ...placeOf(locked, at?.path), code, detail }];
  }
}

const forward = (entry: Entry): Change => ({ path: entry.p, from: entry.b, to: entry.a, ordinal: entry.o });
const backward = (entry: Entry): Change => ({ path: entry.p, from: entry.a, to: entry.b, ordinal: entry.o });
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
  return live.t === 'dir' && [entry.a, entry.b].some((state) => state?.t === 'dir' && opened(state.m) === live.m);
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

/** I7: reads back folders, links and modes. The content of a file was read back before it was linked into place: what comes later is later. */
async function readBackMismatches(locked: LockedStore, es: readonly Entry[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  const isRead = ({ a, b }: Entry) => a !== null && (a.t !== 'file' || (samePart(a, b, 'e') && samePart(a, b, 'c')));
  await inParallel(es.filter(isRead), async (entry) => {
    const live = await stateOf(locked, entry.p, false);
    for (const letter of LETTERS) {
      if (letter === 'c' || (live !== undefined && samePart(live, entry.a, letter))) continue;
      const detail = 'Read-back failed: the restored part has a different version.';
      findings.push({ resource: resourceOf(locked.system, entry.p), part: PART_OF[letter], code: 'read_back', detail });
    }
  });
  return findings;
}

function findingOf(locked: LockedStore, entry: Entry | undefined, code: Finding['code'], detail: string): Finding {
  return { ...placeOf(locked, entry?.p), code, detail: detail.slice(0, 500) };
}

function placeOf(locked: LockedStore, path: Entry['p'] | undefined): Pick<Finding, 'resource' | 'part'> {
  return { resource: path === undefined ? `filesystem://${locked.system}/` : resourceOf(locked.system, path), part: 'exists' };
}

async function filterAsync<T>(items: readonly T[], fits: (item: T) => Promise<boolean>): Promise<T[]> {
  const fit = await inParallel(items, fits);
  return items.filter((_, index) => fit[index]);
}
