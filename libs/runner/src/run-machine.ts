import type { RunState } from '@recant/events';

/**
 * R1 Every pair of state and event has a cell. `undefined`: the event is refused (an error for a person, a stop for a worker).
 * R2 Only the worker with the claim sends `claim`, `reach`, `wait` and `finish`; people send the others, and `pause` is also the worker's at the run's deadline. Both use
 *    compare-and-set.
 * R3 `finished` and `cancelled` are final.
 */
export type RunEvent =
  | 'claim' // a worker claimed it
  | 'pause' // by a person, or at the run's deadline; takes effect at the next safe point
  | 'resume' // by a person
  | 'cancel' // by a person; takes effect at the next safe point
  | 'nudge' // a person decided about a stuck step
  | 'reach' // the worker is at a safe point
  | 'wait' // only stuck steps are left
  | 'finish'; // every step ended

export const RUN_TABLE: Readonly<Record<RunState, Readonly<Record<RunEvent, RunState | undefined>>>> = {
  /** Not claimed yet, or released by a worker. */
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
  /** `claim` again: the worker died and another one took over. */
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
  /** Started steps finish first, so a run can finish while it pauses. */
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
  /** Started steps finish, the others end `skipped`. Irreversible. */
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
  /** A person must retry, skip or cancel. */
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
