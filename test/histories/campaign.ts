import { judge, type Outcome } from './judge.ts';
import type { State } from './state.ts';
import { makeTemplate } from './target.ts';

/** Histories at once: most of the time of one is spent waiting for the server. */
const AT_ONCE = 4;

export interface CampaignOptions {
  /** A superuser of a server of its own, with prepared transactions. */
  readonly adminUrl: string;
  readonly state: State;
  /** First seed that is not played. */
  readonly end: number;
  /** Checked before each history. */
  readonly goesOn: () => boolean;
  /** After each history, in the order of the seeds. */
  readonly onOutcome: (state: State) => Promise<void>;
}

/** Plays the seeds from `state.next` on, and counts what came of them in `state`. */
export async function playAll({ adminUrl, state, end, goesOn, onOutcome }: CampaignOptions): Promise<void> {
  const template = await makeTemplate(adminUrl);
  let next = state.next;
  const done = new Map<number, readonly Outcome[]>();
  let writing = Promise.resolve();
  const enter = async () => {
    for (let outcomes = done.get(state.next); outcomes !== undefined; outcomes = done.get(state.next)) {
      done.delete(state.next);
      for (const outcome of outcomes) count(state, outcome);
      state.next += 1;
      await onOutcome(state);
    }
  };
  const work = async () => {
    while (next < end && goesOn()) {
      const seed = next++;
      done.set(seed, await judge(template, seed).catch((error: Error) => [failed(seed, error)]));
      writing = writing.then(enter);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  await writing;
  await template.drop();
}

const failed = (seed: number, error: Error): Outcome => ({
  seed,
  kind: 'plain rows',
  mode: 'skip',
  end: 'error',
  mismatches: [error.stack ?? error.message],
});

function count(state: State, { seed, kind, mode, end, mismatches }: Outcome): void {
  const cell = cellOf(kind, mode, end);
  state.counts[cell] = (state.counts[cell] ?? 0) + 1;
  if (mismatches.length > 0) state.failures.push({ seed, text: `${kind}, ${mode}: ${mismatches.join('\n  ')}` });
}

export const cellOf = (kind: string, mode: string, end: string): string => `${kind} × ${mode} × ${end}`;
