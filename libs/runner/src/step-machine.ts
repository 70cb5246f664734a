import type { StepOutcome, StepState } from '@recant/events';

/**
 * S1 Every pair of state and event has a cell. `undefined`: sending the event in this state is a defect.
 * S2 From `started` on, an inverse may have taken effect: the target is asked (`applied`) before anything else.
 * S3 `ended` is final and has exactly one outcome.
 */
export type StepEvent =
  | 'start' // its intent is committed; the inverse may run once the ledger acknowledged it
  | 'put_off' // the target answered that it took no effect, because a step before it did not
  | 'take_back' // one system refused after another was written
  | 'stick' // the target is unreachable; a person decides
  | 'retry' // by a person: try again
  | 'skip' // by a person: do not undo
  | 'end'; // with one of the outcomes

export const STEP_TABLE: Readonly<Record<StepState, Readonly<Record<StepEvent, StepState | undefined>>>> = {
  /** Nothing was sent, or it took no effect. Can end without a start: blocked by a predecessor, cancelled, or the plan differs from the ledger. */
  pending: { start: 'started', put_off: undefined, take_back: undefined, stick: 'stuck', retry: undefined, skip: undefined, end: 'ended' },
  /** `start` again: another worker took over. */
  started: {
    start: 'started',
    put_off: 'pending',
    take_back: 'taking_back',
    stick: 'stuck',
    retry: undefined,
    skip: undefined,
    end: 'ended',
  },
  /** The inverse is in effect on some systems and is being taken back there. */
  taking_back: {
    start: 'taking_back',
    put_off: undefined,
    take_back: 'taking_back',
    stick: 'stuck',
    retry: undefined,
    skip: undefined,
    end: 'ended',
  },
  /** Only a person moves it. Its attempts record the progress: with a take-back attempt, `start` resumes taking back. */
  stuck: {
    start: undefined,
    put_off: undefined,
    take_back: undefined,
    stick: undefined,
    retry: 'started',
    skip: 'skipping',
    end: undefined,
  },
  /** The worker asks the targets, takes back a partial inverse, and ends the step without trying the inverse again. */
  skipping: {
    start: 'skipping',
    put_off: undefined,
    take_back: 'taking_back',
    stick: 'stuck',
    retry: undefined,
    skip: 'skipping',
    end: 'ended',
  },
  ended: {
    start: undefined,
    put_off: undefined,
    take_back: undefined,
    stick: undefined,
    retry: undefined,
    skip: undefined,
    end: undefined,
  },
};

export function nextStepState(state: StepState, event: StepEvent): StepState | undefined {
  return STEP_TABLE[state][event];
}

/** The attempt is no longer in effect, so earlier writes of the same parts may be undone too. */
export function endedWell(outcome: StepOutcome | undefined): boolean {
  return outcome === 'restored' || outcome === 'compensated' || outcome === 'already_undone';
}
