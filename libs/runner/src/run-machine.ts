import type { RunState } from '@recant/events';

/**
 * R1 Every pair of state and event has a cell. `undefined`: the event is refused there (a person is told, a worker stops).
 * R2 Only the holder of the claim sends `claim`, `reach`, `wait` and `finish`; only people send the others. Both go through a compare-and-set.
 * R3 `finished` and `cancelled` are ends.
 */
export type RunEvent =
  | 'claim' // a worker took it
  | 'pause' // a person asked; takes effect at the next safe point
  | 'resume' // a person asked
  | 'cancel' // a person asked; takes effect at the next safe point
  | 'nudge' // a person decided about a stuck step
  | 'reach' // the worker is at a safe point
  | 'wait' // nothing is left but stuck steps
  | 'finish'; // every step ended

export const RUN_TABLE: Readonly<Record<RunState, Readonly<Record<RunEvent, RunState | undefined>>>> = {
  /** Nobody works on it yet, or a worker left it for the next one. */
  queued: {
    claim: 'running',
    pause: 'paused',
    resume: 'queued',
    cancel: 'cancelling',
    nudge: 'queued',
    reach: undefined,
    wait: undefined,
    finish: undefined,
  },
  /** `claim` again: its worker died and another took over. */
  running: {
    claim: 'running',
    pause: 'pausing',
    resume: 'running',
    cancel: 'cancelling',
    nudge: 'running',
    reach: undefined,
    wait: 'waiting',
    finish: 'finished',
  },
  /** What was started is brought to its end first, so a run can finish while it pauses. */
  pausing: {
    claim: 'pausing',
    pause: 'pausing',
    resume: 'running',
    cancel: 'cancelling',
    nudge: 'pausing',
    reach: 'paused',
    wait: 'paused',
    finish: 'finished',
  },
  paused: {
    claim: undefined,
    pause: 'paused',
    resume: 'queued',
    cancel: 'cancelling',
    nudge: 'paused',
    reach: undefined,
    wait: undefined,
    finish: undefined,
  },
  /** What was started is brought to its end, the rest ends `skipped`. There is no way back. */
  cancelling: {
    claim: 'cancelling',
    pause: undefined,
    resume: undefined,
    cancel: 'cancelling',
    nudge: 'cancelling',
    reach: undefined,
    wait: undefined,
    finish: 'cancelled',
  },
  /** For a person: retry, skip, or cancel. */
  waiting: {
    claim: undefined,
    pause: 'paused',
    resume: 'queued',
    cancel: 'cancelling',
    nudge: 'queued',
    reach: undefined,
    wait: undefined,
    finish: undefined,
  },
  finished: {
    claim: undefined,
    pause: undefined,
    resume: undefined,
    cancel: undefined,
    nudge: undefined,
    reach: undefined,
    wait: undefined,
    finish: undefined,
  },
  cancelled: {
    claim: undefined,
    pause: undefined,
    resume: undefined,
    cancel: undefined,
    nudge: undefined,
    reach: undefined,
    wait: undefined,
    finish: undefined,
  },
};

export function nextRunState(state: RunState, event: RunEvent): RunState | undefined {
  return RUN_TABLE[state][event];
}

export function isRunEnd(state: RunState): boolean {
  return state === 'finished' || state === 'cancelled';
}
