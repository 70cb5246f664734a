import type { Finding, FindingCode, InverseBatch, InverseOutcome, InverseResult, InverseStep, RehearsedStep } from '@recant/connector';
import { ConnectorError } from '@recant/connector';
import { effectOf } from '../effect.ts';
import { createFolders, type Folders } from '../folders.ts';
import { type Path, ROOT, resourceOf } from '../path.ts';
import { LETTERS, lettersBetween, type State, samePart } from '../state.ts';
import type { LockedStore } from '../store/locked-store.ts';
import type { Entry, StepRecord } from '../store/record.ts';
import { endPlan, type Plan } from './apply.ts';
import { type Judged, judge } from './guard.ts';
import { netChangesOf } from './net-change.ts';

const TOKEN = /^\d{1,38}$/;

/** One step, atomically and at most once. Under the lock from the guards to the record. */
export async function invertStep(locked: LockedStore, batch: InverseBatch, step: InverseStep): Promise<InverseResult> {
  const folders = createFolders(locked.readOptions.root);
  try {
    return await invert({ ...locked, readOptions: { ...locked.readOptions, folders } }, folders, batch, step);
  } finally {
    await folders.close();
  }
}

async function invert(locked: LockedStore, folders: Folders, batch: InverseBatch, step: InverseStep): Promise<InverseResult> {
  const fenced = await fence(locked, batch, step);
  if (fenced !== undefined) return fenced;
  const stored = await storedResult(locked, batch.run, step.step);
  if (stored !== undefined) return stored;
  const net = await netChangesOf(locked, step);
  if (net.kind === 'refused') return refused(step, outcomeFor(net.findings), net.findings);
  // Only what the plan names is overwritten.
  const named = step.overwrites === 'any' ? undefined : step.overwrites;
  const judgement = await judge(locked, net.nets, { undid: net.undid, overwrites: named });
  if (judgement.kind === 'already_undone') return alreadyUndone(locked, batch.run, step, net.undid);
  if (judgement.kind === 'conflicted') return refused(step, outcomeOf(judgement.findings), judgement.findings);
  const missing = await missingImages(locked, judgement.changes);
  if (missing.length > 0) return refused(step, 'expired', missing);
  return apply(locked, folders, { run: batch.run, step, undid: net.undid, ...judgement });
}

/** What earlier steps of a rehearsal would leave. */
export interface Imagining {
  readonly states: Map<Path, State>;
  readonly undone: Set<number>;
}

/** What `invertStep` would answer, without a write. `imagined`: the states that earlier steps would leave; added to. */
export async function rehearseStep(locked: LockedStore, step: RehearsedStep, imagined: Imagining): Promise<InverseResult> {
  const net = await netChangesOf(locked, step);
  if (net.kind === 'refused') return refused(step, outcomeFor(net.findings), net.findings);
  const judgement = await judge(locked, net.nets, { undid: net.undid, overwrites: step.overwrites, imagined });
  if (judgement.kind !== 'conflicted') for (const ordinal of net.undid) imagined.undone.add(ordinal);
  if (judgement.kind === 'already_undone') return refused(step, 'already_undone', []);
  if (judgement.kind === 'conflicted') return refused(step, outcomeOf(judgement.findings), judgement.findings);
  const missing = await missingImages(locked, judgement.changes);
  if (missing.length > 0) return refused(step, 'expired', missing);
  for (const { net: change, target } of judgement.changes) imagined.states.set(change.path, target);
  return refused(step, 'restored', judgement.overwritten);
}

/** Fencing: a token higher than all seen is durable before any work under it; a lower one is refused. */
async function fence(locked: LockedStore, { run, token }: InverseBatch, step: InverseStep): Promise<InverseResult | undefined> {
  if (!TOKEN.test(token))
    throw new ConnectorError('options_invalid', `Invalid fencing token: expected a decimal number, got ${JSON.stringify(token)}.`);
  const seen = locked.history.tokenOf(run);
  if (BigInt(token) < seen)
    return refused(step, 'failed', [
      findingAt(locked, step, 'fenced', `Fenced: a newer claim of the run has token ${seen}, this one ${token}.`),
    ]);
  if (BigInt(token) > seen) await locked.append({ k: 'token', run, token });
  return undefined;
}

/** Work under lower tokens is refused from now on. */
export async function raiseFence(locked: LockedStore, run: string, token: string): Promise<void> {
  if (TOKEN.test(token) && BigInt(token) > locked.history.tokenOf(run)) await locked.append({ k: 'token', run, token });
}

export async function storedResult(locked: LockedStore, run: string, step: number): Promise<InverseResult | undefined> {
  const line = locked.history.stepOf(run, step);
  if (line === undefined) return undefined;
  const record = await locked.read(line);
  return record.k === 'step' ? resultOf(locked, record) : undefined;
}

function resultOf(locked: LockedStore, { step, outcome, findings, residue, es }: StepRecord): InverseResult {
  return { step, outcome, findings, residue, effects: es.map((entry) => effectOf(locked.system, locked.versionOf, entry)) };
}

interface Applying {
  readonly run: string;
  readonly step: InverseStep;
  readonly changes: readonly Judged[];
  readonly undid: readonly number[];
  readonly overwritten: readonly Finding[];
}

/** Write-ahead plan, work, record. A content that is overwritten becomes an image as it is set aside. */
async function apply(locked: LockedStore, folders: Folders, applying: Applying): Promise<InverseResult> {
  const { run, step, changes, undid, overwritten } = applying;
  const next = locked.history.lastOrdinal + 1;
  const es = changes.map(({ net, live, target, write }, index): Entry => {
    const op = live === null ? 'create' : target === null ? 'remove' : write.includes('c') ? 'write' : 'chmod';
    const written = [...write, ...lettersBetween(live, target)];
    return { o: next + index, p: net.path, op, w: LETTERS.filter((letter) => written.includes(letter)), b: live, a: target };
  });
  const own = new Set(es.filter(({ a, b }) => !samePart(a, b, 'e')).map(({ p }) => p));
  const plan: Plan = {
    k: 'plan',
    run,
    step: step.step,
    at: step.attempt,
    es,
    undid,
    folders: [...folders.ids].filter(([path]) => !own.has(path)),
    ...(overwritten.length > 0 && { overwritten }),
  };
  await locked.append(plan);
  await locked.failpoint('plan.written');
  const ended = await endPlan(locked, plan, false);
  return ended.kind === 'step' ? resultOf(locked, ended.record) : refused(step, outcomeOfAborted(ended.findings), ended.findings);
}

/** Findings for contents to be written whose image is missing. */
async function missingImages(locked: LockedStore, changes: readonly Judged[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  // What the step itself moves away, such as a file that was renamed, needs no image.
  const moving = new Set(changes.flatMap(({ live, target }) => (live?.t === 'file' && target?.t !== 'file' ? [live.c] : [])));
  for (const { net, live, target } of changes) {
    if (target?.t === 'file' && moving.has(target.c)) continue;
    if (target?.t !== 'file' || target.c === undefined || (live?.t === 'file' && live.c === target.c)) continue;
    if (!(await locked.images.has(target.c)))
      findings.push({
        resource: net.resource,
        part: 'content',
        code: 'image_missing',
        detail: 'The image of the content is missing or damaged.',
      });
  }
  return findings;
}

const outcomeFor = (findings: readonly Finding[]): InverseOutcome =>
  findings.some(({ code }) => code === 'not_registered' || code === 'drift') ? 'conflicted' : 'irreversible';
const outcomeOfAborted = (findings: readonly Finding[]): InverseOutcome =>
  OUTCOMES.find(([code]) => findings.some((finding) => finding.code === code))?.[1] ?? 'failed';
const OUTCOMES = [
  ['drift', 'conflicted'],
  ['permission', 'stuck'],
  ['image_missing', 'expired'],
] as const;
/** What cannot be read or written at the moment waits; everything else is decided. */
const outcomeOf = (findings: readonly Finding[]): InverseOutcome =>
  findings.every(({ code }) => code === 'permission') ? 'stuck' : 'conflicted';

/** Recorded, so that the effects no longer count as later writes of others' steps. */
async function alreadyUndone(locked: LockedStore, run: string, step: InverseStep, undid: readonly number[]): Promise<InverseResult> {
  const outcome = 'already_undone';
  await locked.append({ k: 'step', run, step: step.step, at: step.attempt, es: [], undid, outcome, findings: [], residue: [] });
  return refused(step, outcome, []);
}

function refused(step: RehearsedStep, outcome: InverseOutcome, findings: readonly Finding[]): InverseResult {
  return { step: step.step, outcome, findings, effects: [], residue: [] };
}

function findingAt(locked: LockedStore, step: InverseStep, code: FindingCode, detail: string): Finding {
  return { resource: step.effects[0]?.resource ?? resourceOf(locked.system, ROOT), part: 'exists', code, detail };
}
