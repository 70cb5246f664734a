import type { Finding, FindingCode, InverseBatch, InverseOutcome, InverseResult, InverseStep } from '@recant/connector';
import { ConnectorError } from '@recant/connector';
import { endPlan } from './apply.ts';
import { effectOf } from './effect.ts';
import { type Judged, judge } from './guard.ts';
import { lookOrRefuse } from './look.ts';
import { netOf } from './net.ts';
import { ROOT, resourceOf } from './path.ts';
import type { Entry, StepRecord } from './record.ts';
import { LETTERS, lettersBetween, sameState } from './state.ts';
import type { Held } from './store.ts';

const TOKEN = /^\d{1,38}$/;

/** One step, whole or not at all, once. Under the lock from the guards to the record. */
export async function invertStep(held: Held, batch: InverseBatch, step: InverseStep): Promise<InverseResult> {
  const fenced = await fence(held, batch, step);
  if (fenced !== undefined) return fenced;
  const stored = await storedResult(held, batch.run, step.step);
  if (stored !== undefined) return stored;
  const net = await netOf(held, step);
  if (net.kind === 'refused') return refused(step, outcomeFor(net.findings), net.findings);
  const judgement = await judge(held, net.nets, batch.run);
  if (judgement.kind === 'already_undone') return refused(step, 'already_undone', []);
  if (judgement.kind === 'conflicted') return refused(step, 'conflicted', judgement.findings);
  const missing = await missingImages(held, judgement.changes);
  if (missing.length > 0) return refused(step, 'expired', missing);
  return apply(held, batch.run, step, judgement.changes);
}

/** A token that is higher than all seen is durable before anything is done under it. */
async function fence(held: Held, { run, token }: InverseBatch, step: InverseStep): Promise<InverseResult | undefined> {
  if (!TOKEN.test(token)) throw new ConnectorError('options_invalid', `The fencing token ${JSON.stringify(token)} is no decimal number.`);
  const seen = held.history.tokenOf(run);
  if (BigInt(token) < seen) return refused(step, 'failed', [findingAt(held, step, 'fenced', `A claim with the token ${seen} was here.`)]);
  if (BigInt(token) > seen) await held.append({ k: 'token', run, token });
  return undefined;
}

export async function storedResult(held: Held, run: string, step: number): Promise<InverseResult | undefined> {
  const line = held.history.stepOf(run, step);
  if (line === undefined) return undefined;
  const record = await held.read(line);
  return record.k === 'step' ? resultOf(held, record) : undefined;
}

function resultOf(held: Held, { step, outcome, findings, residue, es }: StepRecord): InverseResult {
  return { step, outcome, findings, residue, effects: es.map((entry) => effectOf(held.system, held.versionOf, entry)) };
}

/** Write-ahead, then work, then record. What the inverse overwrites is durable as an image before the plan is. */
async function apply(held: Held, run: string, step: InverseStep, changes: readonly Judged[]): Promise<InverseResult> {
  const es: Entry[] = [];
  for (const { net, live, target } of changes) {
    const content = net.parts.has('c');
    const from = await lookOrRefuse({ ...held.look, images: held.images, content }, net.path);
    if (!sameState(from, live))
      return refused(step, 'conflicted', [
        { resource: net.resource, part: 'exists', code: 'drift', detail: 'Somebody changed this just now.' },
      ]);
    const op = from === null ? 'create' : target === null ? 'remove' : content ? 'write' : 'chmod';
    const written = lettersBetween(from, target);
    es.push({
      o: held.history.lastOrdinal + 1 + es.length,
      p: net.path,
      op,
      w: LETTERS.filter((letter) => written.includes(letter)),
      b: from,
      a: target,
    });
  }
  const plan = { k: 'plan', run, step: step.step, at: step.attempt, es } as const;
  await held.append(plan);
  await held.failpoint('plan.written');
  const ended = await endPlan(held, plan);
  return ended.kind === 'step' ? resultOf(held, ended.record) : refused(step, outcomeOfAborted(ended.findings), ended.findings);
}

/** Of contents that would be written. */
async function missingImages(held: Held, changes: readonly Judged[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { net, live, target } of changes) {
    if (target?.t !== 'file' || target.c === undefined || (live?.t === 'file' && live.c === target.c)) continue;
    if ((await held.images.get(target.c)) === undefined)
      findings.push({
        resource: net.resource,
        part: 'content',
        code: 'image_missing',
        detail: 'The image of the content is gone, or damaged.',
      });
  }
  return findings;
}

const outcomeFor = (findings: readonly Finding[]): InverseOutcome =>
  findings.some(({ code }) => code === 'not_registered' || code === 'drift') ? 'conflicted' : 'irreversible';
const outcomeOfAborted = (findings: readonly Finding[]): InverseOutcome =>
  findings.some(({ code }) => code === 'drift') ? 'conflicted' : 'failed';

function refused(step: InverseStep, outcome: InverseOutcome, findings: readonly Finding[]): InverseResult {
  return { step: step.step, outcome, findings, effects: [], residue: [] };
}

function findingAt(held: Held, step: InverseStep, code: FindingCode, detail: string): Finding {
  return { resource: step.effects[0]?.resource ?? resourceOf(held.system, ROOT), part: 'exists', code, detail };
}
