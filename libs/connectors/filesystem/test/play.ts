import { randomUUID } from 'node:crypto';
import type { InverseOutcome, InverseResult, InverseStep, TargetSystem } from '@recant/connector';
import type { AttemptRef, Effect } from '@recant/events';
import type { Directory, FilesystemSystem } from '../src/index.ts';

export const refOf = (agent = 'bad'): AttemptRef => ({ source: `recant://${agent}/1`, action: randomUUID(), attempt: 1 });

export interface Played {
  readonly ref: AttemptRef;
  readonly effects: readonly Effect[];
}

/** One attempt on a real folder, from capture to settlement; an error of the tool does not end it. */
export async function play(
  system: FilesystemSystem,
  tool: (handle: Directory) => Promise<unknown>,
  options: { ref?: AttemptRef; declared?: readonly string[] } = {},
): Promise<Played> {
  const ref = options.ref ?? refOf();
  const capture = await system.capture(ref, options.declared ?? []);
  await tool(capture.handle).catch(() => undefined);
  const effects: Effect[] = [];
  for await (const effect of capture.settle()) effects.push(effect);
  await capture.release();
  return { ref, effects };
}

export function stepOf(step: number, undone: Played, knows: readonly Played[] = [undone]): InverseStep {
  const knownOrdinals: Record<string, string> = {};
  for (const { resource, ordinal } of knows.flatMap(({ effects }) => effects)) {
    if (BigInt(ordinal) > BigInt(knownOrdinals[resource] ?? -1)) knownOrdinals[resource] = ordinal;
  }
  return { step, attempt: refOf('recant'), undoes: undone.ref, effects: undone.effects, knownOrdinals };
}

/** Undoes attempts from the last to the first, in one run of their own. The inverses are attempts too, in the order in which they ran. */
export async function undo(
  target: TargetSystem,
  undone: readonly Played[],
  knows = undone,
): Promise<{ readonly results: readonly InverseResult[]; readonly inverses: readonly Played[] }> {
  const steps = [...undone].reverse().map((attempt, at) => stepOf(at + 1, attempt, knows));
  const results = await target.invert({ run: randomUUID(), token: '1', steps });
  const inverses = results.map(({ effects }, at) => ({ ref: steps[at]?.attempt ?? refOf('recant'), effects }));
  return { results, inverses };
}

export const outcomesOf = (results: readonly InverseResult[]): InverseOutcome[] => results.map(({ outcome }) => outcome);
