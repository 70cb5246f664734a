import type { WorkStep } from './approved-plan.ts';
import { isHeld } from './held.ts';
import type { StepRecord } from './ports.ts';
import type { Session } from './session.ts';
import { isBadEnd } from './step-end.ts';

/** The next work of a worker. Every kind but `none` moves at least one step, so a run ends. */
export type Work =
  | {
      readonly kind: 'batch';
      readonly steps: readonly WorkStep[] /** Ask the target for recorded results first. */;
      readonly resumed: boolean;
    }
  | { readonly kind: 'across'; readonly step: WorkStep }
  | { readonly kind: 'skipping'; readonly step: WorkStep }
  | { readonly kind: 'blocked'; readonly steps: readonly { readonly step: number; readonly by: number }[] }
  | { readonly kind: 'cancelled'; readonly steps: readonly StepRecord[] }
  | { readonly kind: 'unreachable'; readonly steps: readonly { readonly step: number; readonly system: string }[] }
  /** `stuck`: number of steps that need a person. `dueMs`: other steps wait for systems or locks, and are tried again then. */
  | { readonly kind: 'none'; readonly stuck: number; readonly dueMs?: number };

/** Rows or files of the steps of one batch; a step is never split. */
const BATCH_RESOURCES_MAX = 20_000;

/** @param batchRows rows and files of the steps of one batch that starts; one step may have more */
export function nextWork(session: Session, batchSteps: number, batchRows = BATCH_RESOURCES_MAX): Work {
  const sent = session.steps.filter(({ state }) => state === 'started' || state === 'taking_back' || state === 'skipping');
  const inFlight = sent.filter((record) => !isPostponed(session, record));
  const first = inFlight[0];
  if (first) return resume(session, first, inFlight, batchSteps);
  if (session.state === 'pausing') return { kind: 'none', stuck: 0 };
  if (session.state === 'cancelling') {
    const rest = session.steps.filter(({ state }) => state === 'pending' || state === 'stuck');
    return rest.length > 0 ? { kind: 'cancelled', steps: rest } : { kind: 'none', stuck: 0 };
  }
  return start(session, batchSteps, Math.min(batchRows, BATCH_RESOURCES_MAX));
}

/** What waits is tried again at once where a person pauses or cancels. */
function isPostponed(session: Session, { step }: StepRecord): boolean {
  if (session.state !== 'running') return false;
  const { waiting } = session;
  return waiting.isLocked(step) || session.planStep(step).systems.some(({ system }) => waiting.isAway(system));
}

function resume(session: Session, first: StepRecord, inFlight: readonly StepRecord[], batchSteps: number): Work {
  const step = session.planStep(first.step);
  if (first.state === 'skipping') return { kind: 'skipping', step };
  if (step.systems.length > 1 || first.state === 'taking_back') return { kind: 'across', step };
  const system = step.systems[0]?.system;
  const same = inFlight.filter(({ state }) => state === 'started').map((record) => session.planStep(record.step));
  const steps = same.filter(({ systems }) => systems.length === 1 && systems[0]?.system === system);
  return { kind: 'batch', steps: bounded(steps, batchSteps), resumed: true };
}

/** The first ones, as many as one batch has. */
export function bounded(steps: readonly WorkStep[], batchSteps: number, batchRows = BATCH_RESOURCES_MAX): readonly WorkStep[] {
  let resources = 0;
  const end = steps.findIndex((step, n) => {
    resources += step.resources;
    return n > 0 && (n >= batchSteps || resources > batchRows);
  });
  return end < 0 ? steps : steps.slice(0, end);
}

function start(session: Session, batchSteps: number, batchRows: number): Work {
  const isOpen = ({ state }: StepRecord): boolean => state !== 'ended' && state !== 'stuck';
  const dueMs = session.steps.some((record) => isOpen(record) && isPostponed(session, record)) ? session.waiting.dueMs() : undefined;
  const stuck = session.steps.filter(({ state }) => state === 'stuck').length;
  const waiting: Work = { kind: 'none', stuck, ...(dueMs === undefined ? {} : { dueMs }) };
  if (isHeld(session)) return waiting;
  const blocked: { step: number; by: number }[] = [];
  const away: { step: number; system: string }[] = [];
  const batch: WorkStep[] = [];
  const chosen = new Set<number>();
  for (const record of session.steps) {
    if (record.state !== 'pending') continue;
    const step = session.planStep(record.step);
    const by = step.after.find((before) => isBadEnd(session.step(before)));
    if (by !== undefined) {
      blocked.push({ step: step.step, by });
      continue;
    }
    // A chain on one system is sent as a whole: the target undoes its steps in order.
    if (step.after.some((before) => !chosen.has(before) && session.step(before).state !== 'ended')) continue;
    if (step.systems.length > 1 && step.after.some((before) => chosen.has(before))) break;
    if (isPostponed(session, record)) continue;
    const missing = step.systems.find(({ system }) => session.unreachable.has(system));
    if (missing) {
      away.push({ step: step.step, system: missing.system });
      continue;
    }
    const [head] = batch;
    if (head && (step.systems.length > 1 || step.systems[0]?.system !== head.systems[0]?.system)) break;
    batch.push(step);
    chosen.add(step.step);
    if (step.systems.length > 1 || batch.length === batchSteps) break;
  }
  if (blocked.length > 0) return { kind: 'blocked', steps: blocked };
  const [head] = batch;
  if (head)
    return head.systems.length > 1
      ? { kind: 'across', step: head }
      : { kind: 'batch', steps: bounded(batch, batchSteps, batchRows), resumed: false };
  if (away.length > 0) return { kind: 'unreachable', steps: away };
  return waiting;
}
